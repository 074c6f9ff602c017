"""Mails that invoices come in by: what is in one, who sent it, and whether it is answered. Pure."""

"""Signals as the domain sees them: what may be sent, and what is to be done about those that wait."""

"""Retention: what may go, when, and what has to stay. Pure."""

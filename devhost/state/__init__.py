"""The state of the host in one SQLite file."""

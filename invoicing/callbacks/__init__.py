"""Callbacks, pure: how they are signed, named, and how often an end is looked for."""

"""Triggers: the HTTP API. Each module registers its functions on a blueprint of its own."""

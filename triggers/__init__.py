"""Triggers: the HTTP API, pages, timers and a queue, each module with a blueprint of its own."""

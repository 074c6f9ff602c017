"""A function app as the host sees it: its functions and their checks, its settings, its host.json."""

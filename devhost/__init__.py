"""An embedded stand-in for the Azure Functions host and its Durable extension, in Python alone.

It loads any app of the v2 programming model, serves its HTTP triggers and runs its orchestrations, with the
state in one SQLite file. For machines where Core Tools cannot be installed, and for tests.
"""

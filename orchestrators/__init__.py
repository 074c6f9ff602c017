"""Orchestrators: one workflow per module. No I/O, no clock, no randomness."""

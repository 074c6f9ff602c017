"""Fakes that work: in-memory stand-ins that keep the contracts of the real things."""

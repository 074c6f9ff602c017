"""Decisions about calls to other hosts: when again, what an answer means, how many at a time. Pure."""

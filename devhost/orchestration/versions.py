"""Versions of orchestrations: how they compare, and which of them this host runs (protocol 8). Pure."""

from __future__ import annotations

import re

from devhost.app.settings import DurableSettings

__all__ = ["compare", "mismatch"]

_NUMBERS = re.compile(r"\d+(\.\d+){1,3}")


def compare(left: str, right: str) -> int:
    """Return -1, 0 or 1: empty before any, ``1.10`` after ``1.9``, other texts ignoring case."""
    if _NUMBERS.fullmatch(left) and _NUMBERS.fullmatch(right):
        a, b = _numbers(left), _numbers(right)
        return (a > b) - (a < b)
    low, high = left.lower(), right.lower()
    return (low > high) - (low < high)


def _numbers(version: str) -> list[int]:
    # An absent part counts as less than 0, as in System.Version: 1.0 is before 1.0.0.
    parts = [int(part) for part in version.split(".")]
    return parts + [-1] * (4 - len(parts))


def mismatch(version: str, settings: DurableSettings) -> str | None:
    """Say why an instance of this version may not run here; None when it may.

    Without a defaultVersion the host has no version to compare with and runs everything.
    """
    own, strategy = settings.default_version, settings.version_match_strategy
    if own is None or strategy == "None":
        return None
    order = compare(version, own)
    if strategy == "Strict":
        text = f"The version '{version}' of the orchestration does not match the worker's version '{own}'."
        return text if order else None
    text = f"The version '{version}' of the orchestration is higher than the worker's version '{own}'."
    return text if order > 0 else None

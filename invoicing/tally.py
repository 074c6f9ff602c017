"""Counting documents by outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping


def count_outcomes(outcomes: Iterable[str]) -> dict[str, int]:
    """Documents by outcome, those outcomes only that occur."""
    return dict(Counter(outcomes))


def add_counts(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """The sum of two counts by outcome."""
    return {
        name: one.get(name, 0) + other.get(name, 0) for name in (*one, *(n for n in other if n not in one))
    }

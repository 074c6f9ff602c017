"""Counting documents by outcome, or by whatever else they are counted by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=str)


def count_outcomes(outcomes: Iterable[Key]) -> dict[Key, int]:
    """Documents by outcome, those outcomes only that occur."""
    return dict(Counter(outcomes))


def add_counts(one: Mapping[Key, int], other: Mapping[Key, int]) -> dict[Key, int]:
    """The sum of two counts."""
    names = (*one, *(name for name in other if name not in one))
    return {name: one.get(name, 0) + other.get(name, 0) for name in names}

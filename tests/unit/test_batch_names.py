"""The marks of settled documents: a window lists those near its numbers, and misses none of its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stores import batch_names

BATCH = "b" + "0" * 24
NUMBERS = st.integers(1, 20_000)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_prefix_of_a_window_has_every_mark_of_it(one: int, two: int, three: int) -> None:
    """Whatever numbers the window begins and ends with."""
    first, between, last = sorted((one, two, three))
    prefix = batch_names.settled_between(BATCH, first, last)
    assert batch_names.settled(BATCH, between, "booked").startswith(prefix)


def test_prefix_of_a_window_leaves_most_others_out() -> None:
    """Opening the windows of a large batch does not list all its marks each time."""
    prefix = batch_names.settled_between(BATCH, 12_301, 12_350)
    assert batch_names.settled(BATCH, 12_399, "booked").startswith(prefix)
    assert not batch_names.settled(BATCH, 12_400, "booked").startswith(prefix)

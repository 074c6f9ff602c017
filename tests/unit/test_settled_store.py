"""The marks of settled documents: a window lists those near its numbers, and misses none of its own."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from invoicing.records.batch_approvals_steps import Settlement
from stores.settled import SettledStore
from tests.fakes.memory_blobs import MemoryBlobs

BATCH = "b" + "0" * 24
NUMBERS = st.integers(1, 20_000)
SETTLED = st.dictionaries(NUMBERS, st.sampled_from(get_args(Settlement)))


@given(SETTLED, st.sets(NUMBERS))
def test_marks_of_a_window_are_found(settled: dict[int, Settlement], others: set[int]) -> None:
    """Whatever numbers the window has, and those of no other."""
    store = SettledStore(MemoryBlobs(), BATCH)
    for n, settlement in settled.items():
        store.note(n, settlement)
    wanted = {*list(settled)[::2], *others}
    expected = {n: settlement for n, settlement in settled.items() if n in wanted}
    assert store.among(wanted) == expected
    assert store.all() == settled


def test_window_of_a_large_batch_leaves_most_marks_out() -> None:
    """Opening the windows does not list all marks each time, not even where a window crosses a thousand."""
    blobs = MemoryBlobs()
    SettledStore(blobs, BATCH).among(range(9_980, 10_030))
    listed = sorted(name.rpartition("/")[2] for verb, name in blobs.calls if verb == "list")
    assert listed == ["0099", "0100"]


def test_document_that_was_settled_twice_was_booked_if_either_says_so() -> None:
    """Its run was lost after it had noted it, and the next one ended otherwise."""
    store = SettledStore(MemoryBlobs(), BATCH)
    for settlement in ("failed", "booked", "rejected"):
        store.note(7, settlement)
    assert store.all() == {7: "booked"}


def test_mark_that_is_none_of_ours_counts_for_nothing() -> None:
    """A hand in the storage wrote it."""
    blobs = MemoryBlobs()
    store = SettledStore(blobs, BATCH)
    for name in ("x-booked", "000001-paid", "000002"):
        blobs.write(f"batches/{BATCH}/settled/{name}", b"")
    assert store.all() == {}

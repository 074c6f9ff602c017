"""A document costs the same on its way to booking in a batch of any size (`benchmarks/booking.py`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks._memory import CountingBlobs
from benchmarks.booking import MOST, POLICY, Run


def test_document_costs_the_storage_the_same_in_a_larger_batch(tmp_path: Path) -> None:
    """Calls and bytes, from the hand-over to the booking."""
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(POLICY))
    small, large = (Run(documents, policy).measured() for documents in (100, 400))
    _, calls, moved, _ = small.each
    _, calls_of_large, moved_of_large, _ = large.each
    assert calls_of_large <= MOST * calls
    assert moved_of_large <= MOST * moved


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/b/", "a/b/1", "a/c", "b/", "x"])
def test_storage_that_counts_lists_as_any_other(prefix: str) -> None:
    """By name, whatever the prefix cuts off, and without what was removed."""
    blobs = CountingBlobs()
    names = ["a/b/1", "a/b/12", "a/b/2/x", "a/b-c", "a/c", "ab", "b/y/z"]
    for name in [*names, "a/b/13", "a/b/1"]:
        blobs.write(name, b"x")
    blobs.delete("a/b/13")
    blobs.delete("a/none")
    assert [blob.name for blob in blobs.list(prefix)] == sorted(n for n in names if n.startswith(prefix))
    assert blobs.work.listed == len(blobs.names(prefix))

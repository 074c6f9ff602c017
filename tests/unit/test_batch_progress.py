"""Counting a batch's results for those who watch it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from invoicing import batch_names
from tests.fakes.memory_blobs import MemoryBlobs
from triggers import batch_progress
from triggers.batch_progress import is_checking, recent_progress

BATCH = "b" + "1" * 24


def _write(blobs: MemoryBlobs, chunk: int) -> None:
    blobs.write(batch_names.result(BATCH, chunk), b"", {"valid": "50"})


def test_many_who_look_cost_one_listing_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted anew after that second has everything."""
    now = [100.0]
    monkeypatch.setattr(batch_progress.time, "monotonic", lambda: now[0])
    blobs = MemoryBlobs()
    _write(blobs, 0)
    assert recent_progress(blobs, BATCH) == {"valid": 50}
    _write(blobs, 1)
    now[0] += 0.9
    assert recent_progress(blobs, BATCH) == {"valid": 50}
    now[0] += 0.2
    assert recent_progress(blobs, BATCH) == {"valid": 100}


def test_another_batch_and_another_container_are_counted_for_themselves() -> None:
    """Nothing of one is told of the other."""
    blobs, other = MemoryBlobs(), MemoryBlobs()
    _write(blobs, 0)
    assert recent_progress(blobs, BATCH) == {"valid": 50}
    assert recent_progress(blobs, "b" + "2" * 24) == {}
    assert recent_progress(other, BATCH) == {}


@pytest.mark.parametrize(
    ("custom", "expected"),
    [({"phase": "checking"}, True), ({"phase": "claiming"}, False), (None, False)],
)
def test_results_are_counted_while_documents_are_checked(custom: dict | None, expected: bool) -> None:
    """Before and after, the run's own word is enough."""
    for shown in (custom, json.dumps(custom)):
        assert is_checking(SimpleNamespace(custom_status=shown)) is expected
    assert not is_checking(None)

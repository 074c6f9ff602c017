"""How far a batch is: counted in storage, at most once a second however many people and machines look."""

from __future__ import annotations

import time
from typing import Any
from weakref import WeakKeyDictionary

from activities.results import progress
from adapters.blobs import Blobs
from triggers.batch_view import loaded

#: How old an answer may be. Callers are told to come back after two seconds.
FRESH_SECONDS = 1.0
_MOST_KEPT = 1000

_Kept = dict[str, tuple[float, dict[str, int]]]
_kept: WeakKeyDictionary[Blobs, _Kept] = WeakKeyDictionary()


def is_checking(status: Any) -> bool:
    """Say whether documents are being checked: before it there is nothing to count, afterwards no need."""
    custom = loaded(getattr(status, "custom_status", None)) or {}
    return custom.get("phase") == "checking"


def recent_progress(blobs: Blobs, batch: str) -> dict[str, int]:
    """Documents by outcome so far, from storage or as counted less than `FRESH_SECONDS` ago."""
    kept = _kept.setdefault(blobs, {})
    now = time.monotonic()
    if batch in kept and now - kept[batch][0] < FRESH_SECONDS:
        return kept[batch][1]
    counts = progress(blobs, batch)
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    kept[batch] = (now, counts)
    return counts

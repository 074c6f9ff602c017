"""A sweep over many blobs: what it costs in calls of the storage, and that the cost does not grow."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters import policies, services
from adapters.services import Services
from adapters.settings import from_environment
from invoicing.records.sweep import SweepPlace
from invoicing.records.sweep_steps import SweepJob, SweepWindowJob
from invoicing.sweeps import batch_of
from stores.batches import BatchStore
from stores.blobs import BlobInfo, BlobPage
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker
from usecases import sweep_container
from usecases.sweep_window import take_window

#: Blobs of the sweep; SETTLE_SWEEP_BLOBS=100000 is what it is made for, and takes 20 seconds.
BLOBS = int(os.environ.get("SETTLE_SWEEP_BLOBS", "10000"))


class Inbox(MemoryBlobs):
    """Many blobs, whose pages cost what they hold and no more."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.sorted = [f"may/{number:07d}.xml" for number in range(count)]
        self.stored = {name: (b"valid ACME 1", f'"{number}"', {}) for number, name in enumerate(self.sorted)}

    def page(self, prefix: str, size: int, token: str | None) -> BlobPage:
        self._note("list", prefix)
        first = bisect_left(self.sorted, token or "")
        names = self.sorted[first : first + size + 1]
        blobs = [BlobInfo(name, 12, etag=self.stored[name][1]) for name in names[:size]]
        return BlobPage(blobs, names[size] if len(names) > size else None)


def _sweep(app: Services, number: int) -> tuple[int, int]:
    """Go through the steps of a sweep; returns its documents and its windows."""
    sweep = f"sweep-inbox-{number}"
    job = SweepJob(sweep=sweep, batch=batch_of(sweep), container="inbox")
    sweep_container.begin(app, job)
    place: SweepPlace | None = SweepPlace()
    while place is not None:
        window = SweepWindowJob(sweep=sweep, batch=job.batch, container="inbox", place=place, most=job.most)
        place = take_window(app, window).after
    stored = sweep_container.store(app, job)
    sweep_container.finish(app, job)
    return stored.documents, stored.windows


def _calls(blobs: MemoryBlobs) -> Counter[str]:
    found = Counter(verb for verb, _ in blobs.calls)
    blobs.calls.clear()
    return found


def test_many_blobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob is read once; besides there are a few calls for each window, and few blobs are left behind."""
    monkeypatch.setattr(policies, "load", lambda settings: None)
    inbox, blobs, queue = Inbox(BLOBS), MemoryBlobs(), list[Any]()
    settings = replace(from_environment({"AzureWebJobsStorage": "unused"}), policy_file=Path("none"))
    app = Services(
        settings,
        blobs,
        SayingChecker,
        lambda *start: queue.append(start),
        open_container=lambda settings, name: inbox,
    )
    with services.replaced_by(app):
        start = time.perf_counter()
        documents, windows = _sweep(app, 1)
        took = time.perf_counter() - start
        read, own = _calls(inbox), _calls(blobs)
        print(f"\n{documents:,} blobs in {took:.1f} s: {windows} windows, {dict(read)}, {dict(own)}")

        assert (documents, windows) == (BLOBS, -(-BLOBS // 1000))
        assert (read["read"], read["delete"]) == (BLOBS, 0)
        # Each page once, the last page of a window again by the next one, and one listing to tidy up.
        assert read["list"] <= 2 * windows + 1
        packs = -(-BLOBS // settings.chunk_documents)
        # A window: its plan, its claim, its end; the shards are read twice and written once.
        assert own.total() <= packs + windows * (16 * 3 + 12) + 150
        kept = list(blobs.names("sweeps/"))
        assert len(kept) <= 16
        assert sum(len(blobs.stored[name][0]) for name in kept) < BLOBS * 20

        manifest = BatchStore(blobs).manifest(batch_of("sweep-inbox-1"))
        assert (manifest.documents, manifest.chunks) == (BLOBS, packs)
        assert len(queue) == 1

        documents, windows = _sweep(app, 2)
        assert documents == 0
        read, own = _calls(inbox), _calls(blobs)
        print(f"the next sweep, which finds nothing: {dict(read)}, {dict(own)}")
        assert read["read"] == 0
        assert windows == -(-BLOBS // 20_000)
        assert own.total() <= 60 + windows * (16 + 12)

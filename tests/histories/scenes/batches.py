"""Batches, with stand-ins for their steps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from devhost.testing import in_turn
from tests.histories.kept import Recorded, of_batch
from tests.orchestrators.test_batch import AWAY, Work


def scenes(version: str) -> Iterator[Recorded]:
    """Histories of instances that are started with a version, by file name."""
    yield of_batch(
        version,
        Work(3).activities(),
        {
            "process_batch": "batch-finished",
            "batch_window": "window-finished",
            "batch_chunk": "chunk-finished",
            "batch_report": "report-finished",
            "shown": "batch-finished-as-shown",
        },
    )
    poisoned = Work(3, frozenset({7})).activities()
    yield of_batch(version, poisoned, {"process_batch": "batch-poisoned", "batch_chunk": "chunk-halved"})

    stopped = Work(2).activities(check_chunk={"outcome": "stopped", "counts": {}})
    yield of_batch(version, stopped, {"process_batch": "batch-stopped", "batch_chunk": "chunk-stopped"})

    outage = in_turn(*[AWAY] * 5, {"outcome": "ok", "counts": {"valid": 10}})
    yield of_batch(
        version,
        Work(1).activities(check_chunk=outage),
        {"process_batch": "batch-outage-running", "batch_chunk": "chunk-outage-running"},
        until=lambda host: host.advance(timedelta(seconds=10)),
    )

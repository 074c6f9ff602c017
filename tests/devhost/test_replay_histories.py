"""The recorded histories of the app: today's orchestrators agree with all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from devhost.replay import check
from orchestrators import batch, chunk
from orchestrators.retry import ActivityGaveUp, call_with_retry
from tests.histories.record import record_all

HISTORIES = Path(__file__).parents[1] / "histories"
FILES = sorted(HISTORIES.glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_todays_code_agrees_with_what_was_recorded(file: Path) -> None:
    """A change that departs strands the instances in flight: keep the old path for their version."""
    result = check(file, [batch.bp, chunk.bp])
    assert result, str(result)
    assert result.warnings == []


def test_histories_are_of_every_kind() -> None:
    """Finished, halved for a poisoned document, stopped, and waiting in an outage; each level; both forms."""
    names = {file.stem for file in FILES}
    assert {
        "batch-finished",
        "batch-finished-as-shown",
        "window-finished",
        "chunk-finished",
        "batch-poisoned",
        "chunk-halved",
        "batch-stopped",
        "chunk-stopped",
        "batch-outage-running",
        "chunk-outage-running",
    } <= names
    assert "MemoryError" in (HISTORIES / "chunk-halved.json").read_text(encoding="utf-8")
    assert '"set_aside"' in (HISTORIES / "chunk-halved.json").read_text(encoding="utf-8")


def test_recording_anew_gives_histories_that_agree() -> None:
    """The recorder works, and records the files that are there."""
    texts = record_all()
    assert set(texts) <= {file.name for file in FILES}
    assert all('"events"' in text or '"historyEvents"' in text for text in texts.values())


def halving_without_bounds(context: df.DurableOrchestrationContext) -> Iterator[Any]:
    """The chunk's orchestrator, changed on purpose: it sets a document aside without looking for its
    bounds.
    """
    job: dict[str, Any] = context.get_input() or {}
    try:
        return (yield from call_with_retry(context, "check_chunk", job))
    except ActivityGaveUp as failure:
        return (yield from call_with_retry(context, "set_aside", {**job, "reason": str(failure)}))


def test_changed_orchestrator_fails_the_check() -> None:
    """The event is the first one after three failed attempts; the line is the one that asks."""
    changed = df.Blueprint()
    changed.orchestration_trigger(context_name="context", orchestration="batch_chunk")(halving_without_bounds)
    assert check(HISTORIES / "chunk-finished.json", changed), "nothing was halved there, so nothing differs"
    result = check(HISTORIES / "chunk-halved.json", changed)
    departure = result.departure
    assert departure is not None
    assert (departure.kind, departure.name) == ("TaskScheduled", "find_chunk_bounds")
    assert departure.now == "activity 'set_aside'"
    assert departure.position is not None
    assert Path(departure.position.file).name == "retry.py"
    assert "call_activity" in departure.position.source
    assert "Non-Deterministic workflow detected" in (departure.text or "")

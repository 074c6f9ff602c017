"""A run that was lost is told as running, until it is stuck."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from invoicing.records.supervision import FailedRun, OpenWork
from invoicing.supervision import PAUSES, case_of
from stores import supervised
from tests.fakes.memory_blobs import MemoryBlobs
from usecases.run_status import status_of

LOST = "Orchestrator function 'process_batch' failed: python3 exited with code 137 (0x89)"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUN = FailedRun(work=OpenWork(instance="b1", orchestrator="process_batch", input={}), failure=LOST)


class Client:
    """A client that knows one run."""

    def __init__(self, runtime: Runtime, output: str | None) -> None:
        self.status = SimpleNamespace(
            instance_id="b1",
            name="process_batch",
            runtime_status=runtime,
            created_time=NOW,
            last_updated_time=NOW,
            input_=None,
            custom_status={"phase": "checking"},
            output=output,
        )

    async def get_status(self, instance: str) -> Any:
        """Its status."""
        return self.status if instance == "b1" else None


async def _state(runtime: Runtime, output: str | None, blobs: MemoryBlobs, instance: str = "b1") -> str:
    return (await status_of(cast(Any, Client(runtime, output)), blobs, instance)).state


async def test_lost_run_is_running_for_who_asks() -> None:
    """Whether the supervisor has seen it yet or not."""
    blobs = MemoryBlobs()
    assert await _state(Runtime.Failed, LOST, blobs) == "running"
    case = case_of(RUN, NOW, None)
    supervised.keep(blobs, case)
    assert await _state(Runtime.Failed, LOST, blobs) == "running"


async def test_lost_run_that_is_stuck_has_failed() -> None:
    """The caller may send it again then."""
    blobs = MemoryBlobs()
    case = case_of(RUN, NOW, None)
    supervised.keep(blobs, case.model_copy(update={"restarts": len(PAUSES)}))
    assert await _state(Runtime.Failed, LOST, blobs) == "failed"


@pytest.mark.parametrize(
    ("runtime", "output", "expected"),
    [
        (Runtime.Failed, "Orchestrator function 'process_batch' failed: KeyError: 'x'", "failed"),
        (Runtime.Completed, '{"status": "completed"}', "completed"),
        (Runtime.Running, None, "running"),
    ],
)
async def test_other_runs_are_told_as_they_are(runtime: Runtime, output: str | None, expected: str) -> None:
    """A fault is an end, and so is what ended well."""
    assert await _state(runtime, output, MemoryBlobs()) == expected


async def test_run_that_is_not_there_is_missing() -> None:
    """Nothing is made up."""
    assert await _state(Runtime.Running, None, MemoryBlobs(), "b2") == "missing"

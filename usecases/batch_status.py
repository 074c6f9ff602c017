"""How far a batch is, and the list of batches."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import cast, get_args

import azure.durable_functions as df
from pydantic import TypeAdapter, ValidationError

from invoicing.batch_ids import is_batch_id
from invoicing.records.answers.batches import BatchState, BatchStatus
from invoicing.records.batch import BatchRecord, Counts
from invoicing.records.batch_steps import ApprovalsState
from stores.batches import BatchStore
from stores.blobs import BlobMissing, Blobs, StorageRefused
from stores.records import RecordDamaged
from stores.results import ResultStore
from usecases.archived import refuse_purged
from usecases.problems import problem_of
from usecases.reading import KeptReading, SharedReading
from usecases.refusals import Unknown, bad_page
from usecases.run_status import Json, RunStatus, status_of

_APPROVALS = TypeAdapter(ApprovalsState)


@dataclass(frozen=True)
class BatchSeen:
    """A batch as it is now; `changed`: when its run last was, None where that is not known."""

    status: BatchStatus
    changed: datetime | None


@dataclass(frozen=True)
class BatchList:
    """A page of the list of batches, the newest first, with the ids of those that cannot be read."""

    found: list[BatchSeen]
    damaged: list[str]
    next_token: str | None


def read_batch(blobs: Blobs, batch: str) -> BatchRecord:
    """What was written down when a batch was taken in. Raises Unknown, Gone and RecordDamaged."""
    if not is_batch_id(batch):
        raise unknown_batch()
    try:
        return BatchStore(blobs).record(batch)
    except BlobMissing as error:
        refuse_purged(blobs, batch)
        raise unknown_batch() from error


def unknown_batch() -> Unknown:
    """There is no such batch."""
    return Unknown("unknown_batch", "There is no batch of this id.")


def _progress(blobs: Blobs, batch: str) -> Counts:
    return ResultStore(blobs).progress(batch)


#: How many documents are checked, as storage says now: every process gives the same answer.
_progress_now = SharedReading(_progress)
#: For the status, which is asked for again and again. Nobody removes the record of a batch that runs.
_record_of = KeptReading(read_batch)


async def batch_status(client: df.DurableOrchestrationClient, blobs: Blobs, batch: str) -> BatchSeen:
    """How far a batch is. Raises Unknown, Gone and RecordDamaged."""
    if not is_batch_id(batch):
        raise unknown_batch()
    run = await status_of(client, blobs, batch)
    record = await _record_of(blobs, batch, lasts=run.state == "running")
    counts = await _progress_now(blobs, batch) if is_checking(run) else {}
    return BatchSeen(status_from(record, run, counts), run.changed)


async def page_of_batches(
    client: df.DurableOrchestrationClient, blobs: Blobs, top: int, token: str | None
) -> BatchList:
    """A page of the list. Raises Misunderstood for a token that is not ours."""
    try:
        page = await asyncio.to_thread(BatchStore(blobs).newest, top, token)
    except StorageRefused as error:
        raise bad_page() from error

    lines = await asyncio.gather(*(_line(client, blobs, batch) for batch in page.ids))
    found = [line for line in lines if isinstance(line, BatchSeen)]
    damaged = [batch for batch, line in zip(page.ids, lines, strict=True) if isinstance(line, RecordDamaged)]
    return BatchList(found, damaged, page.next_token)


async def _line(
    client: df.DurableOrchestrationClient, blobs: Blobs, batch: str
) -> BatchSeen | RecordDamaged | None:
    if not is_batch_id(batch):
        return RecordDamaged(batch)
    run, record = await asyncio.gather(
        status_of(client, blobs, batch), asyncio.to_thread(_record_or_not, blobs, batch)
    )
    if not isinstance(record, BatchRecord):
        return record
    return BatchSeen(status_from(record, run, {}), run.changed)


def _record_or_not(blobs: Blobs, batch: str) -> BatchRecord | RecordDamaged | None:
    """The record of a batch for a list: what is wrong with it costs its own line."""
    try:
        return BatchStore(blobs).record(batch)
    except BlobMissing:
        return None  # an operator deleted it between the listing and now
    except RecordDamaged as error:
        logging.warning("%s", error)
        return error


# ---------------------------------------------------------------- what a run says


def status_from(record: BatchRecord, run: RunStatus, counted: Counts) -> BatchStatus:
    """The status of a batch: what was written down, what its run says, and what was counted."""
    state = batch_state(run.state)
    counts = numbers(run.output.get("counts") or run.progress.get("counts"))
    if sum(counted.values()) > sum(counts.values()):
        counts = dict[str, int](counted.items())
    return BatchStatus(
        id=record.batch,
        status=state,
        phase=phase_of(run),
        done=sum(counts.values()),
        total=_number(run.output.get("total", run.progress.get("total"))),
        counts=counts,
        created=record.created,
        source=record.source.name,
        approvals=_approvals(run.output.get("approvals")),
        error=problem_of(run, "The batch failed; the log has the details.") if state == "failed" else None,
    )


def is_checking(run: RunStatus) -> bool:
    """Say whether documents are being checked: before it there is nothing to count, afterwards no need."""
    return run.state == "running" and run.progress.get("phase") == "checking"


def batch_state(word: str) -> BatchState:
    """The state that a word of a run says; one that is not ours is an end like any other."""
    return cast(BatchState, word) if word in get_args(BatchState) else "completed"


def phase_of(run: RunStatus) -> str:
    """The step that a run is in, while it runs; else its state."""
    if run.state != "running":
        return run.state
    phase = run.progress.get("phase", "waiting")
    return phase if isinstance(phase, str) else "waiting"


def numbers(counts: object) -> dict[str, int]:
    """Counts out of what a run says, of which only whole numbers are kept."""
    named: Json = cast(Json, counts) if isinstance(counts, dict) else {}
    return {name: number for name, number in named.items() if isinstance(number, int) and number >= 0}


def _number(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _approvals(value: object) -> ApprovalsState | None:
    try:
        return _APPROVALS.validate_python(value)
    except ValidationError:
        return None

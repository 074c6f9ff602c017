"""Starting what a request asks for, or finding what an equal request started before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import azure.durable_functions as df

from adapters.services import Services
from invoicing.records.supervision import OpenWork
from stores import supervised
from stores.blobs import BlobConflict, Blobs
from usecases.archived import refuse_purged, refuse_while_purged
from usecases.refusals import NotAsAsked, NotDone
from usecases.run_status import status_of


class IntakeRecord(Protocol):
    """What the records of all that is taken in have in common."""

    @property
    def fingerprint(self) -> str:
        """Hash of what was asked for."""
        ...


Record = TypeVar("Record", bound=IntakeRecord)


@dataclass(frozen=True)
class Intake(Generic[Record]):
    """What is taken in, and the run that it begins.

    `record` is kept for good; `create` writes it, and raises BlobConflict where there is one, which `read`
    reads. `prepare` stores what the run begins with. `restarted_from`: states in which a new run is begun.
    `reused`: what to say where the same key came with something else.
    """

    record: Record
    create: Callable[[], None]
    read: Callable[[], Record]
    prepare: Callable[[Record], None]
    work: OpenWork
    restarted_from: frozenset[str]
    reused: str


@dataclass(frozen=True)
class TakenIn(Generic[Record]):
    """What was taken in, now or before, and the state of its run."""

    record: Record
    state: str


async def start_or_find(
    client: df.DurableOrchestrationClient, blobs: Blobs, intake: Intake[Record]
) -> TakenIn[Record]:
    """Start the run, unless it is there already. Of two equal requests one wins; both get the same answer.

    Raises NotAsAsked where the key was used for another request, and Gone where what it began was purged.
    """
    await asyncio.to_thread(refuse_purged, blobs, intake.work.instance)
    record, is_new = await asyncio.to_thread(_reserved, intake)
    run = await status_of(client, blobs, intake.work.instance)
    if run.state not in intake.restarted_from:
        return TakenIn(record, run.state)

    await asyncio.to_thread(intake.prepare, record)
    # Noted before it is started, so that a run that is lost is begun again.
    await asyncio.to_thread(supervised.note, blobs, intake.work)
    if not is_new:
        await asyncio.to_thread(_still_there, blobs, intake.work.instance)
    await _start(client, blobs, intake.work)
    return TakenIn(record, "running")


def _still_there(blobs: Blobs, thing: str) -> None:
    """See that a thing that is begun anew is not being purged; a purge looks for its note after its mark."""
    try:
        refuse_while_purged(blobs, thing)
    except NotDone:
        supervised.forget(blobs, thing)
        raise


def _reserved(intake: Intake[Record]) -> tuple[Record, bool]:
    """Write the record, or read the one that is there; says whether it is new."""
    try:
        intake.create()
    except BlobConflict:
        there = intake.read()
        if there.fingerprint != intake.record.fingerprint:
            raise NotAsAsked("idempotency_key_reused", intake.reused) from None
        return there, False
    return intake.record, True


def have_started(services: Services, intake: Intake[Record]) -> Record:
    """Take in, and have the run started: for steps of workflows, which have no durable client.

    Repeating it finds what was taken in, and starts nothing twice. Raises NotAsAsked, Gone, and what queues
    raise.
    """
    refuse_purged(services.blobs, intake.work.instance)
    record, is_new = _reserved(intake)
    intake.prepare(record)
    supervised.note(services.blobs, intake.work)
    if not is_new:
        _still_there(services.blobs, intake.work.instance)
    services.start_detached(intake.work.orchestrator, intake.work.instance, intake.work.input)
    return record


async def _start(client: df.DurableOrchestrationClient, blobs: Blobs, work: OpenWork) -> None:
    """Start the orchestration; one that an equal request started a moment ago is as good."""
    try:
        await client.start_new(work.orchestrator, work.instance, work.input)
    except Exception:
        if (await status_of(client, blobs, work.instance)).state == "missing":
            raise
        logging.info("%s was started by another request", work.instance)

"""Taking in a batch: it is stored, and its workflow is started, unless an equal request did so before."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import azure.durable_functions as df

from adapters import policies
from adapters.services import Services
from invoicing.records.answers.batches import ENDED
from invoicing.records.base import BatchId, Person
from invoicing.records.batch import BatchRecord, BatchSource
from invoicing.records.batch_steps import PROCESS_BATCH, BatchJob
from invoicing.records.supervision import OpenWork
from stores.batches import BatchStore
from usecases.batch_status import batch_state, read_batch
from usecases.standing import tell_of_end
from usecases.start_or_find import Intake, TakenIn, have_started, start_or_find
from usecases.subscribe import subscribe


@dataclass(frozen=True)
class NewBatch:
    """A batch that somebody asks for.

    `batch`: the id that it gets. `fingerprint`: hash of what was asked for; the same key with another
    fingerprint is a mistake of the caller's. `upload`: the zip to store, if any. `approval`: whether valid
    invoices go on to approval and booking; `wait`: whether the batch ends only when all of them are decided.
    `callback_url`: who is told of the end; it was checked.
    """

    batch: BatchId
    fingerprint: str
    source: BatchSource
    upload: bytes | None
    approval: bool = True
    wait: bool = False
    callback_url: str | None = None


async def take_in_batch(
    services: Services, client: df.DurableOrchestrationClient, new: NewBatch, sender: str | None
) -> TakenIn[BatchRecord]:
    """Take in a batch that `sender` sent. One that ended badly is started again.

    Raises RulesMissing and PolicyInvalid: better no batch than one that no worker can check, or whose
    invoices nobody can approve. Raises NotAsAsked where the key was used for another request.
    """
    await asyncio.to_thread(_require, services, new)
    taken = await start_or_find(client, services.blobs, _intake(services, new, sender))
    # For one that was found, too. The addresses of all ends were subscribed when it began.
    runs = batch_state(taken.state) not in ENDED
    if new.callback_url is not None:
        await asyncio.to_thread(subscribe, services, "batch", new.batch, new.callback_url, runs=runs)
    return taken


def have_batch_started(services: Services, new: NewBatch, sender: str | None) -> BatchRecord:
    """Take in a batch in a step of a workflow, which has no durable client. Raises as `take_in_batch`."""
    _require(services, new)
    return have_started(services, _intake(services, new, sender))


def _require(services: Services, new: NewBatch) -> None:
    """There are rules to check by and a policy to approve by. Raises RulesMissing and PolicyInvalid."""
    _ = services.checker
    if new.approval:
        policies.load(services.settings)


def _intake(services: Services, new: NewBatch, sender: str | None) -> Intake[BatchRecord]:
    batches = BatchStore(services.blobs)
    record = BatchRecord(new.batch, services.clock(), new.fingerprint, new.source)

    def prepare(kept: BatchRecord) -> None:
        batches.prepare(kept, new.upload)
        tell_of_end(services, "batch", new.batch, new.callback_url)

    return Intake(
        record=record,
        create=lambda: batches.create(record),
        read=lambda: read_batch(services.blobs, new.batch),
        prepare=prepare,
        work=_work_of(new, sender),
        restarted_from=frozenset({"missing", "failed", "stopped"}),
        reused="This Idempotency-Key was used for another request. Use a new key for a new batch.",
    )


def _work_of(new: NewBatch, sender: str | None) -> OpenWork:
    """What the run that begins now stands for."""
    job = BatchJob(
        batch=new.batch,
        source=new.source,
        approval=new.approval,
        wait=new.wait,
        sender=Person(sender) if sender else None,
    )
    return OpenWork(
        instance=new.batch, orchestrator=PROCESS_BATCH.name, input=PROCESS_BATCH.written_input(job)
    )

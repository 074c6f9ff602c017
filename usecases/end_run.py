"""A person ends a run that is stuck, or repeats the step that failed: what it holds is given back.

Closing ends the run and its parts, then gives back: an approval is closed in its ledger with the reason, a
number is free for a corrected invoice, what a sweep had claimed is free for the next one. Each of it may be
done twice, so whoever is told that it could not be done asks again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from urllib.parse import quote

import azure.durable_functions as df
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters.services import Services
from invoicing import supervision
from invoicing.records.approval_steps import CloseJob, CompensationJob
from invoicing.records.base import ApprovalId, Reference
from invoicing.records.batch_approvals_steps import BATCH_DOCUMENT
from invoicing.records.batch_steps import PROCESS_BATCH
from invoicing.records.invoice_steps import PROCESS_INVOICE
from invoicing.records.supervision import FailedRun, OpenWork
from invoicing.run_values import json_object, loaded
from invoicing.watching import CLOSABLE
from stores import supervised
from stores.batches import BatchStore
from stores.blobs import BlobMissing
from stores.ledgers import ApprovalMissing, Ledger
from stores.payables import PayableStore
from usecases import run_approval
from usecases.check_invoice import release_claim
from usecases.find_route import NotRouted
from usecases.hand_over_batch import note_settled
from usecases.look_at_goods import withdraw_billing
from usecases.refusals import NotNow, Unknown
from usecases.supervise import RUNNING, approval_of

#: Characters of a reason.
LONGEST_REASON = 500
# How long the host gets to end a run: looks, and seconds between two.
_LOOKS, _PAUSE = 25, 0.2


async def close_run(
    services: Services, client: df.DurableOrchestrationClient, instance: str, reason: str, now: datetime
) -> None:
    """End a run for good, and give back what it holds. Repeating it changes nothing.

    Raises Unknown, and NotNow for one that cannot be closed, was booked, or does not end.
    """
    work = await _work_of(services, client, instance)
    if work.orchestrator not in CLOSABLE:
        text = "A run of this kind is a part of another one: close that one, or start it again."
        raise NotNow("not_closable", text)

    approval = await asyncio.to_thread(approval_of, services.blobs, work)
    if await asyncio.to_thread(_is_booked, services, work):
        text = "The invoice is booked: the run has nothing to be given back. Start it again, and it ends."
        raise NotNow("booked", text)

    await _end(client, (instance, *supervision.parts_of(work, approval)), reason)
    # Until it had ended it went on, and may have come to the end that was to be kept from it.
    is_booked = await asyncio.to_thread(_is_booked, services, work)
    if is_booked:
        await asyncio.to_thread(_note_booked, services, work)
    else:
        await asyncio.to_thread(_give_back, services, work, approval, reason, now)
    await asyncio.to_thread(supervised.forget, services.blobs, instance)
    await _forget_case(services, client, work, reason, now)
    if is_booked:
        raise NotNow("booked", "The invoice was booked before its run had ended: nothing was given back.")


async def _forget_case(
    services: Services, client: df.DurableOrchestrationClient, work: OpenWork, reason: str, now: datetime
) -> None:
    """A run that failed stays so in the task hub: it would be started again if nobody knew of its end."""
    blobs, instance = services.blobs, work.instance
    status = await client.get_status(instance)
    if not status or status.runtime_status != Runtime.Failed:
        await asyncio.to_thread(supervised.settle, blobs, instance)
        return
    known = await asyncio.to_thread(supervised.case_of, blobs, instance)
    case = known or supervision.case_of(FailedRun(work=work, failure=reason), now, None)
    await asyncio.to_thread(supervised.keep, blobs, supervision.closed(case, now))


async def rewind_run(
    services: Services, client: df.DurableOrchestrationClient, instance: str, reason: str, now: datetime
) -> None:
    """Repeat the step that failed, on the history that is there. Raises Unknown and NotNow."""
    status = await client.get_status(instance)
    if not status:
        raise Unknown("unknown_run", "There is no run of this id. It may have been removed since.")
    if status.runtime_status != Runtime.Failed:
        raise NotNow("not_failed", "Only a run that failed can be rewound. Look at how it stands.")

    case = await asyncio.to_thread(supervised.case_of, services.blobs, instance)
    if case is not None:
        # Before it is done, as with a start: the supervisor leaves it alone then.
        await asyncio.to_thread(supervised.keep, services.blobs, supervision.started_again(case, now))
    await client.rewind(instance, quote(reason))  # the SDK puts it into an address as it is


async def _work_of(services: Services, client: df.DurableOrchestrationClient, instance: str) -> OpenWork:
    """What the instance stands for, as it was noted, or as the task hub tells it."""
    noted = await asyncio.to_thread(supervised.work_of, services.blobs, instance)
    if noted is not None:
        return noted
    status = await client.get_status(instance)
    # One that was ended may have been left before everything was given back.
    if status and status.runtime_status in (*RUNNING, Runtime.Failed, Runtime.Terminated):
        value = dict(json_object(loaded(status.input_)))
        return OpenWork(instance=instance, orchestrator=status.name or "", input=value)
    case = await asyncio.to_thread(supervised.case_of, services.blobs, instance)
    if case is None:
        raise Unknown("unknown_run", "There is no run of this id that has not ended.")
    return case


async def _end(client: df.DurableOrchestrationClient, instances: tuple[str, ...], reason: str) -> None:
    """End what still runs, and wait until it has. Raises NotNow."""
    for _ in range(_LOOKS):
        running = [one for one in instances if await _runs(client, one)]
        if not running:
            return
        for instance in running:
            await client.terminate(instance, reason)
        await asyncio.sleep(_PAUSE)
    text = "The run is being ended and has not ended yet. Close it again in a moment."
    raise NotNow("ending", text)


async def _runs(client: df.DurableOrchestrationClient, instance: str) -> bool:
    status = await client.get_status(instance)
    return bool(status) and status.runtime_status in RUNNING


def _reference(work: OpenWork) -> Reference | None:
    """The invoice of a run; None for what is not about one."""
    if work.orchestrator == PROCESS_INVOICE.name:
        return Reference(work.instance)
    reference = work.input.get("ref") if work.orchestrator == BATCH_DOCUMENT.name else None
    return Reference(reference) if isinstance(reference, str) else None


def _is_booked(services: Services, work: OpenWork) -> bool:
    reference = _reference(work)
    return reference is not None and PayableStore(services.blobs).payable(reference) is not None


def _note_booked(services: Services, work: OpenWork) -> None:
    """What the last step of a document would have done."""
    reference = _reference(work)
    if reference is not None and work.orchestrator == BATCH_DOCUMENT.name:
        note_settled(services, reference, "booked")


def _give_back(services: Services, work: OpenWork, approval: str | None, reason: str, now: datetime) -> None:
    if work.orchestrator == PROCESS_BATCH.name:
        # Its parts look for it: nothing more is begun, and no invoice is claimed.
        BatchStore(services.blobs).ask_to_stop(work.instance)
    reference = _reference(work)
    if reference is None:
        return
    if approval is not None:
        _close_approval(services, ApprovalId(approval), reason, now)
    with suppress(NotRouted, BlobMissing):  # it may never have come so far that it claimed something
        release_claim(services, reference)
    withdraw_billing(services, reference)
    if work.orchestrator == BATCH_DOCUMENT.name:
        note_settled(services, reference, "failed")


def _close_approval(services: Services, approval: ApprovalId, reason: str, now: datetime) -> None:
    """Say in the ledger that it was closed, and where it was approved before, that nothing came of it."""
    try:
        ledger = Ledger.read(services.blobs, approval)
    except ApprovalMissing:
        return
    if not ledger.entries:
        return
    job = CloseJob(approval=approval, at=now, after=len(ledger.entries), failed=reason)
    outcome = run_approval.close_approval(services, job).outcome
    if outcome == "approved":
        undone = CompensationJob(approval=approval, at=now, reason=reason)
        run_approval.record_compensation(services, undone)

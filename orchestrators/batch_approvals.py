"""The approvals of a batch: every valid invoice is routed; who needs nobody is booked, the others wait.

    route -> packs of those that need nobody -> windows of documents are opened -> looks until all are settled

People decide in any order and over days, so each document that needs them is a run of its own
(`batch_document`), started apart: one that is lost concerns no other. The windows are opened one after the
other with a pause, so that a small batch or a single invoice that comes meanwhile finds the workers free.
Then this run is a monitor. It looks at what has been settled, more and more seldom, and continues as new, so
that its history stays short.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from invoicing.records.base import BatchId
from invoicing.records.batch_approvals_steps import (
    BATCH_APPROVALS,
    BOOK_PACK,
    BOOKING_WINDOW,
    COUNT_SETTLED,
    OPEN_DOCUMENTS,
    ROUTE_BATCH,
    ApprovalsPhase,
    BatchApprovalsJob,
    BatchApprovalsProgress,
    BatchApprovalsResult,
    BookingWindow,
    DocumentWindowJob,
    PackJob,
    RouteBatchJob,
    SettledCounts,
)
from invoicing.records.problem import Problem
from invoicing.records.route import BatchRouting
from invoicing.tally import add_counts
from orchestrators.retry import ActivityGaveUp
from orchestrators.routing import routed
from orchestrators.steps import ChildCall, call, call_children, input_of
from orchestrators.waiting import sleep

bp = df.Blueprint()

#: Packs that one window books, one after the other.
PACKS = 20
#: Between the opening of two windows of documents.
PACE = timedelta(seconds=3)
#: Pauses between two looks: the first one (also after something was settled), and how they grow.
FIRST_LOOK = timedelta(seconds=2)
#: For so many approvals. A look lists all that is settled, so that a larger batch is looked at less often:
#: else looking would cost each of its documents more.
LOOKED_AT = 1_000
LONGEST_LOOK = timedelta(minutes=30)
GROWTH = 1.5
#: Looks until the run continues as new, after half a day at most.
LOOKS = 30
#: It opens again what is gone by then, but not each minute while people decide: each document would be
#: started as often.
OPENED_AGAIN_AFTER = timedelta(hours=6)


@bp.orchestration_trigger(context_name="context")
def batch_approvals(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Route a batch, book what needs nobody, and see the other documents through their approval.

    Never raises. Custom status: `BatchApprovalsProgress`.
    """
    job = input_of(context, BATCH_APPROVALS)
    try:
        routed = job.routed
        booked = job.booked or {}
        if routed is None:
            routed = yield from _route(context, job)
            booked = yield from _book(context, job.batch, routed)

        _show(context, "approval", routed, booked)
        opened = yield from _opened(context, job, routed.windows)
        counts = yield from _all_settled(context, job.batch, routed, booked)
    except ActivityGaveUp as failure:
        error = Problem(code="step_failed", message=str(failure))
        return _written(BatchApprovalsResult(status="failed", counts={}, error=error))

    if counts is None:
        onward = job.model_copy(update={"routed": routed, "booked": booked, "opened": opened})
        context.continue_as_new(BATCH_APPROVALS.written_input(onward))
        return None
    _show(context, "done", routed, counts)
    return _written(BatchApprovalsResult(status="completed", counts=counts))


def _written(result: BatchApprovalsResult) -> Any:
    return BATCH_APPROVALS.written_output(result)


def _route(
    context: df.DurableOrchestrationContext, job: BatchApprovalsJob
) -> Generator[Any, Any, BatchRouting]:
    """Apply the policy to all documents."""
    context.set_custom_status(BatchApprovalsProgress(phase="routing").as_plain())
    now = context.current_utc_datetime
    value = RouteBatchJob(batch=job.batch, sender=job.sender, again=job.again, now=now)
    return (yield from routed(context, ROUTE_BATCH, value))


def _book(
    context: df.DurableOrchestrationContext, batch: BatchId, routed: BatchRouting
) -> Generator[Any, Any, SettledCounts]:
    """Book the documents that need nobody."""
    # Those that nobody may approve count as failed: their sender is the only approver.
    counts = {"failed": routed.unapprovable} if routed.unapprovable else {}
    _show(context, "booking", routed, counts)

    starts = range(0, routed.packs, PACKS)
    windows = [
        BookingWindow(batch=batch, first=start, last=min(start + PACKS, routed.packs) - 1) for start in starts
    ]
    children = [ChildCall(BOOKING_WINDOW, window) for window in windows]
    for part in (yield from call_children(context, children)):
        counts = add_counts(counts, part)
    return counts


def _all_settled(
    context: df.DurableOrchestrationContext, batch: BatchId, routed: BatchRouting, booked: SettledCounts
) -> Generator[Any, Any, SettledCounts | None]:
    """Look until all is settled; returns the counts (None: too many looks)."""
    if not routed.approvals:
        return booked

    first = FIRST_LOOK * max(1, routed.approvals // LOOKED_AT)
    pause = first
    settled: SettledCounts = {}
    for _ in range(LOOKS):
        yield from sleep(context, pause)
        seen = yield from call(context, COUNT_SETTLED, batch)
        pause = min(pause * GROWTH, LONGEST_LOOK) if seen == settled else first
        settled = seen
        counts = add_counts(booked, settled)
        _show(context, "approval", routed, counts)
        if sum(settled.values()) >= routed.approvals:
            return counts
    return None


def _opened(
    context: df.DurableOrchestrationContext, job: BatchApprovalsJob, windows: int
) -> Generator[Any, Any, datetime]:
    """Open what waits for people, unless that was done a short time ago; returns when it was done."""
    now = context.current_utc_datetime
    if job.opened is not None and now - job.opened < OPENED_AGAIN_AFTER:
        return job.opened

    for window in range(windows):
        if window:
            yield from sleep(context, PACE)
        yield from call(context, OPEN_DOCUMENTS, DocumentWindowJob(batch=job.batch, window=window))
    return now


@bp.orchestration_trigger(context_name="context")
def booking_window(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Book some packs; returns counts by outcome, and `failed_packs`. Never raises."""
    window = input_of(context, BOOKING_WINDOW)
    counts: SettledCounts = {}
    for pack in range(window.first, window.last + 1):
        job = PackJob(batch=window.batch, pack=pack, now=context.current_utc_datetime)
        try:
            booked = yield from call(context, BOOK_PACK, job)
        except ActivityGaveUp:
            booked = {"failed_packs": 1}
        counts = add_counts(counts, booked)
    return BOOKING_WINDOW.written_output(counts)


def _show(
    context: df.DurableOrchestrationContext,
    phase: ApprovalsPhase,
    routed: BatchRouting,
    counts: SettledCounts,
) -> None:
    status = BatchApprovalsProgress(
        phase=phase, documents=routed.documents, approvals=routed.approvals, counts=counts
    )
    context.set_custom_status(status.as_plain())

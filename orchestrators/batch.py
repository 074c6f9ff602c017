"""A batch of invoices: fan-out in windows of sub-orchestrations, fan-in to claims and a report.

    unpack -> windows of chunks (a window at most WINDOW chunks, ROUND windows at a time) -> claims -> reports

Three levels, because each replay parses the whole history of its orchestration: a window's history holds
its own chunks only, and the batch's holds its windows. No child raises for what it was given, but each can be
lost with its worker process; it is called again then, and continues from what is stored.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from invoicing.records.base import BatchId
from invoicing.records.batch import Counts
from invoicing.records.batch_approvals_steps import (
    BATCH_APPROVALS,
    START_APPROVALS,
    BatchApprovalsJob,
    approvals_instance,
)
from invoicing.records.batch_steps import (
    BATCH_CHUNK,
    BATCH_REPORT,
    BATCH_WINDOW,
    CLAIM_INVOICES,
    COUNT_RESULTS,
    PROCESS_BATCH,
    UNPACK_BATCH,
    WRITE_REPORT,
    ApprovalsState,
    BatchJob,
    BatchProgress,
    BatchRef,
    BatchResult,
    ChunkJob,
    PartResult,
    Phase,
    ReportFormat,
    ReportJob,
    WindowJob,
)
from invoicing.records.problem import Problem
from invoicing.tally import add_counts
from orchestrators.retry import ActivityGaveUp
from orchestrators.sdk import is_done
from orchestrators.steps import ChildCall, call, call_child, call_children, input_of
from orchestrators.waiting import any_done_before

bp = df.Blueprint()

#: Chunks in one window: about 1,000 documents.
WINDOW = 20
#: Windows that run at the same time: about 10,000 documents in flight.
ROUND = 10
#: Formats of the report that are written at the same time: the spreadsheet takes as long as all the others.
REPORTS: tuple[tuple[ReportFormat, ...], ...] = (("html", "json", "csv"), ("xlsx",))
#: Pauses between two looks at the progress, each twice the one before: a look adds to the history, which each
#: replay reads again. The status endpoint counts results itself; the looks are for who watches the instance.
FIRST_LOOK = timedelta(seconds=2)
LONGEST_LOOK = timedelta(minutes=10)


@bp.orchestration_trigger(context_name="context")
def process_batch(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Take one batch from its upload to its report. The custom status is a `BatchProgress`."""
    try:
        result = yield from _process(context, input_of(context, PROCESS_BATCH))
    except ActivityGaveUp as failure:
        result = _failed(str(failure))
    return PROCESS_BATCH.written_output(result)


def _process(context: df.DurableOrchestrationContext, job: BatchJob) -> Generator[Any, Any, BatchResult]:
    _show(context, "unpacking", 0, 0, {})
    unpacked = yield from call(context, UNPACK_BATCH, job)
    if unpacked.outcome != "ok":
        return BatchResult(status="failed", error=unpacked.error)
    total = unpacked.documents

    checked = yield from _check(context, job, unpacked.chunks, total)
    if checked.outcome != "ok":
        return _ended_early(context, checked, total, checked.counts)

    _show(context, "claiming", total, total, checked.counts)
    claimed = yield from call(context, CLAIM_INVOICES, BatchRef(batch=job.batch))
    if claimed.outcome != "ok":
        return _ended_early(context, claimed, total, checked.counts)

    _show(context, "reporting", total, total, claimed.counts)
    reported = yield from _report(context, job.batch)
    if reported.outcome != "ok":
        return _ended_early(context, reported, total, claimed.counts)

    approvals = yield from _hand_over(context, job, total, claimed.counts)
    _show(context, "done", total, total, claimed.counts)
    return BatchResult(status="completed", total=total, counts=claimed.counts, approvals=approvals)


def _check(
    context: df.DurableOrchestrationContext, job: BatchJob, chunks: int, total: int
) -> Generator[Any, Any, PartResult]:
    """Check all chunks, in rounds of windows; returns what a chunk returns, with the counts so far."""
    counts: Counts = {}
    _show(context, "checking", 0, total, counts)

    def watch(tasks: Sequence[Any]) -> Generator[Any, Any, None]:
        yield from _watch(context, job.batch, tasks, total)

    # Dates of issue are held against the day of the batch, not against the clock of whoever checks them.
    today = context.current_utc_datetime.date()
    whole = WindowJob(batch=job.batch, today=today, again=job.again, first=0, last=chunks - 1)
    for windows in _rounds(whole):
        calls = [ChildCall(BATCH_WINDOW, window) for window in windows]
        for part in (yield from call_children(context, calls, watch)):
            if part.outcome != "ok":
                return part.model_copy(update={"counts": counts})
            counts = add_counts(counts, part.counts)
        _show(context, "checking", sum(counts.values()), total, counts)
    return PartResult(outcome="ok", counts=counts)


def _report(context: df.DurableOrchestrationContext, batch: BatchId) -> Generator[Any, Any, PartResult]:
    """Write the report, its parts at the same time; returns the first that failed, or the last."""
    finished = context.current_utc_datetime
    jobs = [ReportJob(batch=batch, finished=finished, formats=formats) for formats in REPORTS]
    parts = yield from call_children(context, [ChildCall(BATCH_REPORT, job) for job in jobs])
    return next((part for part in parts if part.outcome != "ok"), parts[-1])


def _hand_over(
    context: df.DurableOrchestrationContext, job: BatchJob, total: int, counts: Counts
) -> Generator[Any, Any, ApprovalsState | None]:
    """Give the valid invoices to approval; returns how far that is, None where no approval is wanted."""
    if not job.approval:
        return None
    if not job.wait:
        asked = BatchApprovalsJob(batch=job.batch, sender=job.sender)
        begun = yield from call(context, START_APPROVALS, asked)
        return ApprovalsState(status="running", instance=begun.started)

    _show(context, "approval", total, total, counts)
    awaited = BatchApprovalsJob(batch=job.batch, sender=job.sender, awaited=True)
    # The same id as that of a detached start, so that whoever looks for it finds it in both cases.
    ended = yield from call_child(context, BATCH_APPROVALS, awaited, approvals_instance(job.batch))
    return ApprovalsState(status=ended.status, counts=ended.counts, error=ended.error)


@bp.orchestration_trigger(context_name="context")
def batch_window(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Check the chunks of one window at the same time. Never raises for what it was given."""
    try:
        result = yield from _check_window(context, input_of(context, BATCH_WINDOW))
    except ActivityGaveUp as failure:
        result = PartResult(outcome="failed", error=str(failure))
    return BATCH_WINDOW.written_output(result)


def _check_window(
    context: df.DurableOrchestrationContext, window: WindowJob
) -> Generator[Any, Any, PartResult]:
    chunks = [
        ChunkJob(batch=window.batch, chunk=number, today=window.today, again=window.again)
        for number in range(window.first, window.last + 1)
    ]
    parts = yield from call_children(context, [ChildCall(BATCH_CHUNK, chunk) for chunk in chunks])
    counts: Counts = {}
    for part in parts:
        if part.outcome != "ok":
            return part
        counts = add_counts(counts, part.counts)
    return PartResult(outcome="ok", counts=counts)


@bp.orchestration_trigger(context_name="context")
def batch_report(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Write some formats of the report. Never raises for what it was given."""
    result = PartResult(outcome="ok")
    try:
        yield from call(context, WRITE_REPORT, input_of(context, BATCH_REPORT))
    except ActivityGaveUp as failure:
        result = PartResult(outcome="failed", error=str(failure))
    return BATCH_REPORT.written_output(result)


def _rounds(whole: WindowJob) -> list[list[WindowJob]]:
    """The chunks in windows, and these in rounds that run one after the other."""
    chunks = whole.last + 1
    windows = [
        whole.model_copy(update={"first": first, "last": min(first + WINDOW, chunks) - 1})
        for first in range(0, chunks, WINDOW)
    ]
    return [windows[first : first + ROUND] for first in range(0, len(windows), ROUND)]


def _watch(
    context: df.DurableOrchestrationContext, batch: BatchId, windows: Sequence[Any], total: int
) -> Generator[Any, Any, None]:
    """Wait for the windows, and write the progress into the custom status now and then."""
    pause = FIRST_LOOK
    under_way = list(windows)
    while under_way:
        moment = context.current_utc_datetime + pause
        if not (yield from any_done_before(context, under_way, moment)):
            counts = yield from call(context, COUNT_RESULTS, BatchRef(batch=batch))
            _show(context, "checking", sum(counts.values()), total, counts)
            pause = min(pause * 2, LONGEST_LOOK)
        under_way = [window for window in under_way if not is_done(window)]


def _ended_early(
    context: df.DurableOrchestrationContext, part: PartResult, total: int, counts: Counts
) -> BatchResult:
    if part.outcome == "stopped":
        _show(context, "stopped", sum(counts.values()), total, counts)
        return BatchResult(status="stopped", total=total, counts=counts)
    return _failed(part.error or "a step failed")


def _failed(message: str) -> BatchResult:
    return BatchResult(status="failed", error=Problem(code="step_failed", message=message))


def _show(
    context: df.DurableOrchestrationContext, phase: Phase, done: int, total: int, counts: Counts
) -> None:
    progress = BatchProgress(phase=phase, done=done, total=total, counts=counts)
    context.set_custom_status(progress.as_plain())

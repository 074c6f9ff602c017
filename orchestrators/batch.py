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

from invoicing.tally import add_counts
from orchestrators.retry import (
    ActivityGaveUp,
    Child,
    call_child_with_retry,
    call_children_with_retry,
    call_with_retry,
)
from orchestrators.sdk import is_done
from orchestrators.waiting import any_done_before

bp = df.Blueprint()

_Part = Generator[Any, Any, dict[str, Any]]

#: Chunks in one window: about 1,000 documents.
WINDOW = 20
#: Windows that run at the same time: about 10,000 documents in flight.
ROUND = 10
#: Formats of the report that are written at the same time: the spreadsheet takes as long as all the others.
REPORTS = (("html", "json", "csv"), ("xlsx",))
#: Pauses between two looks at the progress, each twice the one before: a look adds to the history, which each
#: replay reads again. The status endpoint counts results itself; the looks are for who watches the instance.
FIRST_LOOK, LONGEST_LOOK = timedelta(seconds=2), timedelta(minutes=10)


@bp.orchestration_trigger(context_name="context")
def batch(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """Take one batch from its upload to its report.

    Input: `{"batch": id, "source": {"kind": "upload"} | {"kind": "container", "container", "prefix"},
    "approval"?: bool, "wait"?: bool, "sender"?: person, "again"?: bool}`: with `approval`, valid invoices go
    on to approval and booking, apart from the batch unless it shall `wait` for the decisions; `again`: this
    run was lost before, and what it stored is used.
    Output: `{"status": "completed" | "stopped" | "failed", "total", "counts", "approvals"?, "error"?}`.
    Custom status: `{"phase", "done", "total", "counts"}`.
    """
    job: dict[str, Any] = context.get_input() or {}
    try:
        return (yield from _batch(context, job))
    except ActivityGaveUp as failure:
        return {"status": "failed", "error": {"code": "step_failed", "message": str(failure)}}


def _batch(
    context: df.DurableOrchestrationContext, job: dict[str, Any]
) -> Generator[Any, Any, dict[str, Any]]:
    name = job["batch"]
    _show(context, "unpacking", 0, 0, {})
    unpacked = yield from call_with_retry(context, "unpack_batch", job)
    if unpacked["outcome"] != "ok":
        return {"status": "failed", "error": unpacked["error"]}
    total = unpacked["documents"]
    checked = yield from _check(context, job, unpacked["chunks"], total)
    if checked["outcome"] != "ok":
        return _ended_early(context, checked, total, checked["counts"])
    _show(context, "claiming", total, total, checked["counts"])
    claimed = yield from call_with_retry(context, "claim_invoices", name)
    if claimed["outcome"] != "ok":
        return _ended_early(context, claimed, total, checked["counts"])
    counts = claimed["counts"]
    _show(context, "reporting", total, total, counts)
    reported = yield from _report(context, name)
    if reported["outcome"] != "ok":
        return _ended_early(context, reported, total, counts)
    approvals = yield from _hand_over(context, job, total, counts)
    _show(context, "done", total, total, counts)
    return {"status": "completed", "total": total, "counts": counts, **approvals}


def _check(context: df.DurableOrchestrationContext, job: dict[str, Any], chunks: int, total: int) -> _Part:
    """Check all chunks, in rounds of windows; returns what a chunk returns, with the counts so far."""
    name = job["batch"]
    counts: dict[str, int] = {}
    _show(context, "checking", 0, total, counts)
    # Dates of issue are held against the day of the batch, not against the clock of whoever checks them.
    today = context.current_utc_datetime.date().isoformat()
    for jobs in _rounds({"batch": name, "today": today, "again": bool(job.get("again"))}, chunks):
        windows: list[Child] = [("batch_window", window, None) for window in jobs]

        def watch(tasks: Sequence[Any]) -> Generator[Any, Any, None]:
            yield from _watch(context, name, tasks, total)

        for window in (yield from call_children_with_retry(context, windows, watch)):
            if window["outcome"] != "ok":
                return {**window, "counts": counts}
            counts = add_counts(counts, window["counts"])
        _show(context, "checking", sum(counts.values()), total, counts)
    return {"outcome": "ok", "counts": counts}


def _report(context: df.DurableOrchestrationContext, name: str) -> _Part:
    """Write the report, its parts at the same time; returns the first that failed, or the last."""
    common = {"batch": name, "finished": context.current_utc_datetime.isoformat()}
    jobs: list[Child] = [("batch_report", {**common, "formats": list(one)}, None) for one in REPORTS]
    parts = yield from call_children_with_retry(context, jobs)
    return next((part for part in parts if part["outcome"] != "ok"), parts[-1])


def _hand_over(
    context: df.DurableOrchestrationContext, job: dict[str, Any], total: int, counts: dict[str, int]
) -> Generator[Any, Any, dict[str, Any]]:
    """Give the valid invoices to approval; returns what to add to the batch's output."""
    if not job.get("approval"):
        return {}
    value = {"batch": job["batch"], "sender": job.get("sender")}
    if not job.get("wait"):
        started = yield from call_with_retry(context, "start_approvals", value)
        return {"approvals": {"status": "running", "instance": started["started"]}}
    _show(context, "approval", total, total, counts)
    # The same id as that of a detached start, so that whoever looks for it finds it in both cases.
    instance = f"{job['batch']}-approvals"
    awaited = {**value, "awaited": True}
    ended = yield from call_child_with_retry(context, "batch_approvals", awaited, instance)
    return {"approvals": ended}


@bp.orchestration_trigger(context_name="context")
def batch_window(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """Check the chunks of one window at the same time.

    Input: `{"batch", "today", "again", "first", "last"}` (chunks by number, both ends included).
    Output as a chunk's; never raises.
    """
    window: dict[str, Any] = context.get_input() or {}
    common = {name: window[name] for name in ("batch", "today", "again")}
    numbers = range(window["first"], window["last"] + 1)
    chunks: list[Child] = [("batch_chunk", {**common, "chunk": n}, None) for n in numbers]
    try:
        parts = yield from call_children_with_retry(context, chunks)
    except ActivityGaveUp as failure:
        return {"outcome": "failed", "counts": {}, "error": str(failure)}
    counts: dict[str, int] = {}
    for part in parts:
        if part["outcome"] != "ok":
            return part
        counts = add_counts(counts, part["counts"])
    return {"outcome": "ok", "counts": counts}


@bp.orchestration_trigger(context_name="context")
def batch_report(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """Write some formats of the report. Input: that of `write_report`. Output as a chunk's; never raises."""
    try:
        yield from call_with_retry(context, "write_report", context.get_input() or {})
    except ActivityGaveUp as failure:
        return {"outcome": "failed", "counts": {}, "error": str(failure)}
    return {"outcome": "ok", "counts": {}}


def _rounds(common: dict[str, Any], chunks: int) -> list[list[dict[str, Any]]]:
    """Windows of chunks 0 to `chunks` - 1, in rounds that run one after the other."""
    starts = range(0, chunks, WINDOW)
    windows = [{**common, "first": n, "last": min(n + WINDOW, chunks) - 1} for n in starts]
    return [windows[i : i + ROUND] for i in range(0, len(windows), ROUND)]


def _watch(
    context: df.DurableOrchestrationContext, name: str, windows: Sequence[Any], total: int
) -> Generator[Any, Any, None]:
    """Wait for the windows, and write the progress into the custom status now and then."""
    pause = FIRST_LOOK
    under_way = list(windows)
    while under_way:
        moment = context.current_utc_datetime + pause
        if not (yield from any_done_before(context, under_way, moment)):
            counts = yield from call_with_retry(context, "count_results", name)
            _show(context, "checking", sum(counts.values()), total, counts)
            pause = min(pause * 2, LONGEST_LOOK)
        under_way = [window for window in under_way if not is_done(window)]


def _ended_early(
    context: df.DurableOrchestrationContext, part: dict[str, Any], total: int, counts: dict[str, int]
) -> dict[str, Any]:
    if part["outcome"] == "stopped":
        _show(context, "stopped", sum(counts.values()), total, counts)
        return {"status": "stopped", "total": total, "counts": counts}
    return {
        "status": "failed",
        "error": {"code": "step_failed", "message": part.get("error", "a step failed")},
    }


def _show(
    context: df.DurableOrchestrationContext, phase: str, done: int, total: int, counts: dict[str, int]
) -> None:
    context.set_custom_status({"phase": phase, "done": done, "total": total, "counts": counts})

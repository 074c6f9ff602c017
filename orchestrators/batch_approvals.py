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
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from invoicing.tally import add_counts
from orchestrators.retry import ActivityGaveUp, Child, call_children_with_retry, call_with_retry
from orchestrators.settling import Undo, failed, settle
from orchestrators.waiting import sleep

bp = df.Blueprint()

#: Packs that one window books, one after the other.
PACKS = 20
#: Between the opening of two windows of documents.
PACE = timedelta(seconds=3)
#: Pauses between two looks: the first one (also after something was settled), and how they grow.
FIRST_LOOK = timedelta(seconds=2)
LONGEST_LOOK = timedelta(minutes=30)
GROWTH = 1.5
#: Looks until the run continues as new, after half a day at most. It opens again what is gone by then.
LOOKS = 30

Steps = Generator[Any, Any, Any]


@bp.orchestration_trigger(context_name="context")
def batch_approvals(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict | None]:
    """Route a batch, book what needs nobody, and see the other documents through their approval.

    Input: `{"batch", "sender": person or None, "awaited"?: bool, "again"?: bool, "routed"?, "booked"?}`.
    `awaited`: it is a part of its batch. `again`: an earlier run was lost; what it routed stands. `routed`,
    `booked`: what this run handed to itself when it continued as new.
    Output: `{"status": "completed" | "failed", "counts": {"booked" | "rejected" | "expired" | "failed":
    documents}, "error"?}`; never raises. Custom status: `{"phase", "documents", "approvals", "counts"}`.
    """
    job: dict[str, Any] = context.get_input() or {}
    try:
        if "routed" not in job:
            job = {**job, **(yield from _prepared(context, job))}
        counts = yield from _all_settled(context, job)
    except ActivityGaveUp as failure:
        return {**failed(str(failure)), "counts": {}}
    if counts is None:
        context.continue_as_new(job)
        return None
    _show(context, "done", job["routed"], counts)
    return {"status": "completed", "counts": counts}


def _prepared(context: df.DurableOrchestrationContext, job: dict[str, Any]) -> Steps:
    """Route all documents and book those that need nobody; returns `routed` and `booked` (counts)."""
    context.set_custom_status({"phase": "routing"})
    now = context.current_utc_datetime.isoformat()
    routed = yield from call_with_retry(context, "route_batch", {**job, "now": now})
    # Those that nobody may approve count as failed: their sender is the only approver.
    counts = {"failed": routed["unapprovable"]} if routed["unapprovable"] else {}
    _show(context, "booking", routed, counts)

    packs = _spans("booking_window", job["batch"], routed["packs"], PACKS)
    for part in (yield from call_children_with_retry(context, packs)):
        counts = add_counts(counts, part)
    return {"routed": routed, "booked": counts}


def _all_settled(context: df.DurableOrchestrationContext, job: dict[str, Any]) -> Steps:
    """Open what waits for people and look until all is settled; returns the counts (None: too many looks)."""
    routed = job["routed"]
    counts = job["booked"]
    _show(context, "approval", routed, counts)
    for window in range(routed["windows"]):
        if window:
            yield from sleep(context, PACE)
        yield from call_with_retry(context, "open_documents", {"batch": job["batch"], "window": window})

    pause = FIRST_LOOK
    settled: dict[str, int] = {}
    for _ in range(LOOKS if routed["approvals"] else 0):
        yield from sleep(context, pause)
        seen = yield from call_with_retry(context, "count_settled", job["batch"])
        pause = min(pause * GROWTH, LONGEST_LOOK) if seen == settled else FIRST_LOOK
        settled = seen
        counts = add_counts(job["booked"], settled)
        _show(context, "approval", routed, counts)
        if sum(settled.values()) >= routed["approvals"]:
            return counts
    return None if routed["approvals"] else counts


@bp.orchestration_trigger(context_name="context")
def booking_window(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """Book packs `first` to `last`. Output: counts by outcome, and `failed_packs`; never raises."""
    job: dict[str, Any] = context.get_input() or {}
    counts: dict[str, int] = {}
    for pack in range(job["first"], job["last"] + 1):
        now = context.current_utc_datetime.isoformat()
        try:
            value = {"batch": job["batch"], "pack": pack, "now": now}
            counts = add_counts(counts, (yield from call_with_retry(context, "book_batch", value)))
        except ActivityGaveUp:
            counts = add_counts(counts, {"failed_packs": 1})
    return counts


@bp.orchestration_trigger(context_name="context")
def batch_document(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """One document of a batch: approval and booking; its claim is given back where it is not booked.

    Input: `{"ref": "b…/17", "approval", "again"?}`. Output as that of `invoice`; never raises. Its last step
    tells the batch that it is settled.
    """
    job: dict[str, Any] = context.get_input() or {}
    undo = Undo(context)
    undo.add("claim", "release_claim", job["ref"])

    def show(phase: str) -> None:
        context.set_custom_status({"phase": phase, "approval": job["approval"]})

    try:
        result = yield from settle(context, job["ref"], job["approval"], undo, show)
    except ActivityGaveUp as failure:
        result = failed(str(failure))
    undone: dict[str, Any] = {"undone": []}
    if result["status"] != "booked":
        undone = yield from undo.run()
    yield from _tell_batch(context, job["ref"], result["status"])
    return {**result, **undone}


def _tell_batch(context: df.DurableOrchestrationContext, ref: str, status: str) -> Steps:
    """What cannot be told holds nothing up here: the batch goes on looking, and an operator sees the run."""
    try:
        yield from call_with_retry(context, "note_settled", {"ref": ref, "status": status})
    except ActivityGaveUp as failure:
        context.set_custom_status({"phase": "done", "error": str(failure)})


def _spans(name: str, batch: str, total: int, size: int) -> list[Child]:
    """The sub-orchestrations for items 0 to `total` - 1, `size` of them in each."""
    starts = range(0, total, size)
    return [
        (name, {"batch": batch, "first": start, "last": min(start + size, total) - 1}, None)
        for start in starts
    ]


def _show(
    context: df.DurableOrchestrationContext, phase: str, routed: dict[str, Any], counts: dict[str, int]
) -> None:
    totals = {"documents": routed["documents"], "approvals": routed["approvals"]}
    context.set_custom_status({"phase": phase, **totals, "counts": counts})

"""The approvals of a batch: every valid invoice is routed; who needs nobody is booked, the others wait.

    route -> packs of those that need nobody -> windows of documents, all at the same time

All windows run at once, as people decide in any order and over days: a window that waited for the one before
would hide its documents from them. Three levels keep the history of each orchestration short.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from invoicing.tally import add_counts
from orchestrators.retry import ActivityGaveUp, call_with_retry
from orchestrators.settling import Undo, failed, settle

bp = df.Blueprint()

#: Documents in one window.
WINDOW = 50
#: Packs that one window books, one after the other.
PACKS = 20


@bp.orchestration_trigger(context_name="context")
def batch_approvals(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """Route a batch, book what needs nobody, and see the other documents through their approval.

    Input: `{"batch", "sender": person or None}`. Output: `{"status": "completed" | "failed", "counts":
    {"booked" | "rejected" | "expired" | "failed": documents}, "error"?}`; never raises.
    Custom status: `{"phase", "documents", "approvals", "counts"}`.
    """
    job: dict[str, Any] = context.get_input() or {}
    context.set_custom_status({"phase": "routing"})
    try:
        now = context.current_utc_datetime.isoformat()
        routed = yield from call_with_retry(context, "route_batch", {**job, "now": now})
    except ActivityGaveUp as failure:
        return {**failed(str(failure)), "counts": {}}
    # Those that nobody may approve count as failed: their sender is the only approver.
    counts = {"failed": routed["unapprovable"]} if routed["unapprovable"] else {}
    _show(context, "booking", routed, counts)
    packs = _spans("booking_window", job["batch"], routed["packs"], PACKS)
    counts = yield from _all(context, packs, counts)
    _show(context, "approval", routed, counts)
    windows = _spans("approval_window", job["batch"], routed["approvals"], WINDOW)
    counts = yield from _all(context, windows, counts)
    _show(context, "done", routed, counts)
    return {"status": "completed", "counts": counts}


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
def approval_window(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """See documents `first` to `last` of those that need a person through. Output: counts; never raises."""
    job: dict[str, Any] = context.get_input() or {}
    try:
        listed = yield from call_with_retry(context, "list_approvals", job)
    except ActivityGaveUp:
        return {"failed": job["last"] - job["first"] + 1}
    jobs = [{"ref": f"{job['batch']}/{n}", "approval": approval} for n, approval in listed]
    ended = yield context.task_all([context.call_sub_orchestrator("batch_document", one) for one in jobs])
    counts: dict[str, int] = {}
    for one in ended:
        counts = add_counts(counts, {one["status"]: 1})
    return counts


@bp.orchestration_trigger(context_name="context")
def batch_document(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """One document of a batch: approval and booking; its claim is given back where it is not booked.

    Input: `{"ref": "b…/17", "approval"}`. Output as that of `invoice`; never raises.
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
    if result["status"] == "booked":
        return {**result, "undone": []}
    return {**result, **(yield from undo.run())}


def _spans(name: str, batch: str, total: int, size: int) -> list[tuple[str, dict[str, Any]]]:
    """The sub-orchestrations for items 0 to `total` - 1, `size` of them in each."""
    starts = range(0, total, size)
    return [(name, {"batch": batch, "first": one, "last": min(one + size, total) - 1}) for one in starts]


def _all(
    context: df.DurableOrchestrationContext,
    children: list[tuple[str, dict[str, Any]]],
    counts: dict[str, int],
) -> Generator[Any, Any, dict[str, int]]:
    """Run all children at the same time and add what they counted."""
    if children:
        for part in (yield context.task_all([context.call_sub_orchestrator(*one) for one in children])):
            counts = add_counts(counts, part)
    return counts


def _show(
    context: df.DurableOrchestrationContext, phase: str, routed: dict[str, Any], counts: dict[str, int]
) -> None:
    totals = {"documents": routed["documents"], "approvals": routed["approvals"]}
    context.set_custom_status({"phase": phase, **totals, "counts": counts})

"""The last steps of an invoice, wherever it came from: approval and booking, or everything undone.

What a step did stands in a list; where a later one fails for good, the list is undone from its end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import azure.durable_functions as df

from invoicing.records.approval_steps import APPROVAL, RECORD_COMPENSATION, CompensationJob
from invoicing.records.base import ApprovalId
from orchestrators.retry import ActivityGaveUp, call_child_with_retry, call_with_retry

Steps = Generator[Any, Any, Any]
#: Told which phase begins, for the custom status.
Show = Callable[[str], None]


class Undo:
    """What has been done so far and how each of it is taken back: name, activity and its input."""

    def __init__(self, context: df.DurableOrchestrationContext) -> None:
        self._context = context
        self._steps: list[tuple[str, str, Any]] = []

    def add(self, name: str, activity: str, value: Any) -> None:
        """Note a step; the activity answers `{"done": bool}`, or anything else where it is always done."""
        self._steps.append((name, activity, value))

    def run(self) -> Steps:
        """Undo all, the last first. Returns `{"undone": [names], "not_undone"?: [names]}`; never raises.

        One that cannot be undone does not keep the others from it.
        """
        undone, failed = [], []
        while self._steps:
            name, activity, value = self._steps.pop()
            try:
                answer = yield from call_with_retry(self._context, activity, value)
            except ActivityGaveUp:
                failed.append(name)
                continue
            if not isinstance(answer, dict) or answer.get("done", True):
                undone.append(name)
        return {"undone": undone} | ({"not_undone": failed} if failed else {})


def settle(
    context: df.DurableOrchestrationContext, ref: str, approval: str | None, undo: Undo, show: Show
) -> Steps:
    """Get the approval, where one is needed, and book the invoice.

    Returns `{"status": "booked" | "rejected" | "expired" | "failed", "approval", "by"?, "error"?}`; where it
    is not booked, the caller undoes. Raises ActivityGaveUp.
    """
    answer: dict[str, Any] = {"approval": approval}
    if approval is not None:
        show("approval")
        decided = yield from _decided(context, approval)
        if decided["outcome"] != "approved":
            error = {"error": decided["error"]} if "error" in decided else {}
            said = {"stage": decided.get("stage"), "by": decided.get("by")}
            return {**answer, "status": decided["outcome"], **said, **error}
        answer["by"] = decided.get("by")
        undo.add("approval", RECORD_COMPENSATION.name, _compensation(context, approval))
    show("booking")
    undo.add("payable", "withdraw_payable", {"ref": ref, "approval": approval})
    now = context.current_utc_datetime.isoformat()
    booked = yield from call_with_retry(context, "book_payable", {"ref": ref, "now": now})
    if booked["outcome"] != "ok":
        return {**answer, "status": "failed", "error": booked["error"]}
    return {**answer, "status": "booked"}


def _decided(context: df.DurableOrchestrationContext, approval: str) -> Steps:
    try:
        return (yield from call_child_with_retry(context, APPROVAL.name, {"approval": approval}, approval))
    except ActivityGaveUp as failure:
        return {"outcome": "failed", "error": {"code": "approval_failed", "message": str(failure)}}


def _compensation(context: df.DurableOrchestrationContext, approval: str) -> Any:
    """The entry by which the ledger says that nothing came of what was approved."""
    job = CompensationJob(
        approval=ApprovalId(approval),
        at=context.current_utc_datetime,
        reason="the invoice could not be booked",
    )
    return RECORD_COMPENSATION.written_input(job)


def failed(reason: str) -> dict[str, Any]:
    """The answer where a step gave up."""
    return {"status": "failed", "error": {"code": "step_failed", "message": reason}}

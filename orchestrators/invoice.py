"""One invoice from end to end: check, claim, route, approve, book; what was done is undone where it fails.

    assess -> claim -> route -> approval (people, days) -> book

The document is stored by whoever starts this.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from orchestrators.retry import ActivityGaveUp, call_with_retry
from orchestrators.settling import Undo, failed, settle

bp = df.Blueprint()

Steps = Generator[Any, Any, dict[str, Any]]


@bp.orchestration_trigger(context_name="context")
def invoice(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """Take one invoice to its payable.

    Input: `{"invoice": id, "run": id, "again"?: bool}`. `again`: this run was lost before, and what it stored
    is used; a run of another id was begun by a person.
    Output: `{"status": "booked" | "rejected" | "expired" | "invalid" | "unreadable" | "set_aside" |
    "duplicate" | "failed", "approval"?, "by"?, "holder"?, "error"?, "undone": [...], "not_undone"?: [...]}`:
    what early steps did is undone in reverse unless it was booked.
    Custom status: `{"phase", "approval", "undone"?}`.
    """
    job: dict[str, Any] = context.get_input() or {}
    chain = _Chain(context, job)
    try:
        result = yield from chain.run()
    except ActivityGaveUp as failure:
        result = failed(str(failure))
    return (yield from chain.end(result))


class _Chain:
    """The steps of one invoice and what each of them leaves to undo."""

    def __init__(self, context: df.DurableOrchestrationContext, job: dict[str, Any]) -> None:
        self._context = context
        self._name = job["invoice"]
        self._run = job.get("run")
        self._again = bool(job.get("again"))
        self._undo = Undo(context)
        self._status: dict[str, Any] = {"phase": "checking", "approval": None}

    def run(self) -> Steps:
        """All steps in order, as far as they go."""
        self._show("checking")
        if self._again:
            route = yield from self._call("stored_route", {"invoice": self._name, "run": self._run})
            if route["outcome"] == "ok":  # it was checked and claimed, so both stand
                self._undo.add("claim", "release_claim", self._name)
                return (yield from self._settle(route["approval"]))
        now = self._context.current_utc_datetime
        job = {"invoice": self._name, "today": now.date().isoformat()}
        assessed = yield from self._call("assess_invoice", job)
        if assessed["outcome"] != "valid":
            return {"status": assessed["outcome"]}
        self._show("claiming")
        # Noted before it is done: an attempt that failed may have claimed all the same.
        self._undo.add("claim", "release_claim", self._name)
        claimed = yield from self._call("claim_invoice", self._name)
        if claimed["outcome"] == "duplicate":
            return {"status": "duplicate", "holder": claimed["holder"]}
        self._show("routing")
        routed = yield from self._call(
            "route_invoice", {"invoice": self._name, "run": self._run, "now": now.isoformat()}
        )
        if routed["outcome"] != "ok":
            return {"status": "failed", "error": routed["error"]}
        return (yield from self._settle(routed["approval"]))

    def _settle(self, approval: str | None) -> Steps:
        self._status["approval"] = approval
        return (yield from settle(self._context, self._name, approval, self._undo, self._show))

    def end(self, result: dict[str, Any]) -> Steps:
        """Undo what was done, unless the invoice was booked, and say so."""
        undone: dict[str, Any] = {"undone": []}
        if result["status"] != "booked":
            self._show("undoing")
            undone = yield from self._undo.run()
        self._status |= undone
        self._show("done")
        return {**result, **undone}

    def _call(self, activity: str, value: Any) -> Steps:
        return (yield from call_with_retry(self._context, activity, value))

    def _show(self, phase: str) -> None:
        self._status["phase"] = phase
        self._context.set_custom_status(dict(self._status))

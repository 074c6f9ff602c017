"""One approval: its stages one after the other, each with reminders, escalation and an end.

People decide by writing into the ledger; the event that comes with it only wakes this workflow, which then
reads the ledger. The payload of an event is never looked at, so a forged or hostile one costs one look.

Each wait has its own event name, `decision.<stage>.<attempt>`, and the custom status tells which is armed.
The order is what makes nothing get lost: arm wait k+1, tell of it, then read the ledger. Whoever writes a
decision and then sees attempt k in the status wakes wait k, which is still open or was followed by a reading
that came after the decision. Whoever sees no attempt yet wakes the first wait, whose event is kept until it
is armed: so the first stage is opened and people are told of it by one step, before the first wait.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from typing import Any

import azure.durable_functions as df

from invoicing.approval.names import event
from orchestrators.retry import ActivityGaveUp, call_with_retry
from orchestrators.waiting import done_before

bp = df.Blueprint()


Steps = Generator[Any, Any, Any]


@bp.orchestration_trigger(context_name="context")
def approval(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """Get people's approval.

    Input: `{"approval": id}`; the request is written by then. Output: `{"outcome": "approved" | "rejected" |
    "expired" | "failed", "stage", "by", "comment", "error"?}`; never raises. Custom status while it waits:
    `{"stage", "attempt", "waiting_for", "since", "deadline", "reminders", "seen"}`.
    """
    job: dict[str, Any] = context.get_input() or {}
    desk = _Desk(context, job["approval"])
    try:
        return (yield from desk.run())
    except ActivityGaveUp as failure:
        return (yield from desk.give_up(str(failure)))


class _Desk:
    """What the steps of one approval share."""

    def __init__(self, context: df.DurableOrchestrationContext, name: str) -> None:
        self._context, self._name = context, name
        self._seen = 0
        self._status: dict[str, Any] = {}

    def run(self) -> Steps:
        """All stages, until one does not approve."""
        opened = yield from self._call("open_approval", at=self._now)
        first, *others = opened["stages"]

        wait = self._arm(first, 1)
        state = self._taken_in(opened["first"])
        state = yield from self._until_over(first, wait, state)
        for stage in others:
            if state["status"] != "approved":
                break
            wait = self._arm(stage, 1)
            state = yield from self._record("stage_opened", stage, f"stage_opened.{stage}")
            state = yield from self._until_over(stage, wait, state)

        closed = yield from self._call("close_approval", at=self._now, after=self._seen)
        self._show(stage=None, waiting_for=[], outcome=closed["outcome"])
        return closed

    def give_up(self, reason: str) -> Steps:
        """A step kept failing: nobody shall decide on something that nothing comes of."""
        try:
            closed = yield from self._call("close_approval", at=self._now, after=self._seen, failed=reason)
        except ActivityGaveUp:
            closed = {"outcome": "failed", "stage": None, "by": None, "comment": ""}
        self._show(stage=None, waiting_for=[], outcome="failed")
        return {**closed, "outcome": "failed", "error": {"code": "step_failed", "message": reason}}

    # ------------------------------------------------------------ one stage

    def _until_over(self, stage: str, wait: Any, state: dict[str, Any]) -> Steps:
        """Wait until the ledger says that a stage is over; `wait` is its first one."""
        attempt = 1
        while state["status"] == "open":
            alarm = state["alarm"]
            if (yield from done_before(self._context, wait, datetime.fromisoformat(alarm["at"]))):
                attempt += 1
                wait = self._arm(stage, attempt)
                state = yield from self._read(stage)
            else:
                # Nobody decided in time. A decision that the ledger has by now comes first.
                state = yield from self._record(alarm["kind"], stage, alarm["key"])
        return state

    def _arm(self, stage: str, attempt: int) -> Any:
        """Begin a wait and tell of it; an event that comes before the host waits is kept for it."""
        self._show(stage=stage, attempt=attempt)
        return self._context.wait_for_external_event(event(stage, attempt))

    def _read(self, stage: str) -> Steps:
        state = yield from self._call("read_decisions", stage=stage, after=self._seen, now=self._now)
        return self._taken_in(state)

    def _record(self, kind: str, stage: str, key: str) -> Steps:
        job = {"kind": kind, "stage": stage, "key": key, "at": self._now, "after": self._seen}
        state = yield from self._call("record", **job)
        return self._taken_in(state)

    def _taken_in(self, state: dict[str, Any]) -> dict[str, Any]:
        self._seen = state["seen"]
        shown = {name: state[name] for name in ("waiting_for", "since", "deadline", "reminders", "seen")}
        self._show(**shown)
        return state

    # ------------------------------------------------------------ steps

    @property
    def _now(self) -> str:
        return self._context.current_utc_datetime.isoformat()

    def _call(self, activity: str, **job: Any) -> Steps:
        return (yield from call_with_retry(self._context, activity, {"approval": self._name, **job}))

    def _show(self, **changes: Any) -> None:
        self._status |= changes
        self._context.set_custom_status(dict(self._status))

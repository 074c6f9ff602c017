"""One approval: its stages one after the other, each with reminders, escalation and an end.

People decide by writing into the ledger; the event that comes with it only wakes this workflow, which then
reads the ledger. The payload of an event is never looked at, so a forged or hostile one costs one look.

Each wait has its own event name, `decision.<stage>.<attempt>`, and the custom status tells which is armed.
The order is what makes nothing get lost: arm wait k+1, tell of it, then read the ledger. Whoever writes a
decision and then sees attempt k in the status wakes wait k, which is still open or was followed by a reading
that came after the decision.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from invoicing.approval.names import event
from orchestrators.retry import ActivityGaveUp, call_with_retry
from orchestrators.waiting import done_before, sleep

bp = df.Blueprint()

#: Pauses after a notification that could not be queued; then it counts as failed, and the approval goes on.
NOTIFY_PAUSES = (timedelta(seconds=1), timedelta(seconds=10))

_NEWS = {"ask": "question", "answer": "answer"}
_ALARMS = {"reminder": "reminder", "escalation": "escalation", "expiry": "expired"}

Steps = Generator[Any, Any, Any]


@bp.orchestration_trigger(context_name="context")
def approval(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """Get people's approval.

    Input: `{"approval": id}`; the request is written by then. Output: `{"outcome": "approved" | "rejected" |
    "expired" | "failed", "stage", "by", "comment", "error"?}`; never raises. Custom status while it waits:
    `{"stage", "attempt", "waiting_for", "since", "deadline", "reminders", "seen", "notifications"}`.
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
        self._seen = self._failed_notifications = 0
        self._status: dict[str, Any] = {}

    def run(self) -> Steps:
        """All stages, until one does not approve."""
        opened = yield from self._call("open_approval", at=self._now)
        for stage in opened["stages"]:
            state = yield from self._stage(stage)
            if state["status"] != "approved":
                break
        closed = yield from self._call("close_approval", at=self._now)
        self._show(stage=None, waiting_for=[], outcome=closed["outcome"])
        told = {"outcome": closed["outcome"], "author": closed["by"] or "", "comment": closed["comment"]}
        yield from self._tell("decided", closed["stage"], [opened["sender"]], **told)
        return closed

    def give_up(self, reason: str) -> Steps:
        """A step kept failing: nobody shall decide on something that nothing comes of."""
        try:
            closed = yield from self._call("close_approval", at=self._now, failed=reason)
        except ActivityGaveUp:
            closed = {"outcome": "failed", "stage": None, "by": None, "comment": ""}
        self._show(stage=None, waiting_for=[], outcome="failed")
        return {**closed, "outcome": "failed", "error": {"code": "step_failed", "message": reason}}

    # ------------------------------------------------------------ one stage

    def _stage(self, stage: str) -> Steps:
        """Open a stage and wait until the ledger says that it is over."""
        attempt = 1
        wait = self._arm(stage, attempt)
        state = yield from self._record("stage_opened", stage, f"stage_opened.{stage}")
        yield from self._tell("request", stage, state["waiting_for"], deadline=state["deadline"])
        while state["status"] == "open":
            alarm_at = datetime.fromisoformat(state["alarm"]["at"])
            if (yield from done_before(self._context, wait, alarm_at)):
                attempt += 1
                wait = self._arm(stage, attempt)
                state = yield from self._read(stage)
            else:
                state = yield from self._alarm(stage, state)
            yield from self._pass_on(stage, state)
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

    def _alarm(self, stage: str, state: dict[str, Any]) -> Steps:
        """Nobody decided in time. A decision that the ledger has by now comes first."""
        alarm, asked = state["alarm"], state["waiting_for"]
        state = yield from self._record(alarm["kind"], stage, alarm["key"])
        if not state["recorded"]:
            return state
        is_over = state["status"] != "open"
        kind = "escalation" if alarm["kind"] == "expiry" and not is_over else _ALARMS[alarm["kind"]]
        to = asked if is_over else state["waiting_for"]
        yield from self._tell(kind, stage, to, deadline=state["deadline"], number=alarm["key"])
        return state

    def _pass_on(self, stage: str, state: dict[str, Any]) -> Steps:
        """Tell the sender of a question, and who asked of the answer."""
        for news in state["news"]:
            told = {"author": news["who"], "comment": news["comment"], "number": news["entry"]}
            yield from self._tell(
                _NEWS[news["kind"]], stage, [news["to"]], deadline=state["deadline"], **told
            )

    # ------------------------------------------------------------ steps

    @property
    def _now(self) -> str:
        return self._context.current_utc_datetime.isoformat()

    def _call(self, activity: str, **job: Any) -> Steps:
        return (yield from call_with_retry(self._context, activity, {"approval": self._name, **job}))

    def _tell(self, kind: str, stage: str | None, to: list[str | None], **details: Any) -> Steps:
        """Have people told. What cannot be queued is counted and shown, and holds nothing up."""
        persons = [person for person in to if person]
        if not persons:
            return
        job = {"approval": self._name, "kind": kind, "stage": stage, "to": persons, **details}
        for pause in (*NOTIFY_PAUSES, None):
            try:
                yield self._context.call_activity("notify", job)
                return
            except Exception:  # noqa: BLE001 - the SDK raises plain Exception for every failed activity
                if pause is not None:
                    yield from sleep(self._context, pause)
        self._failed_notifications += 1
        self._show()

    def _show(self, **changes: Any) -> None:
        self._status |= changes
        failed = {"notifications": {"failed": self._failed_notifications}}
        self._context.set_custom_status({**self._status, **failed})

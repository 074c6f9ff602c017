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
from datetime import datetime, timedelta
from typing import Any, TypeVar

import azure.durable_functions as df

from invoicing.approval.names import event
from invoicing.approval.stages import Alarm
from invoicing.records.approval_steps import (
    APPROVAL,
    CLOSE_APPROVAL,
    OPEN_APPROVAL,
    OPEN_STAGE,
    RECORD_ALARM,
    TAKE_IN_DECISIONS,
    AlarmJob,
    ApprovalResult,
    ApprovalStatus,
    CloseJob,
    OpenJob,
    StageJob,
    StageNow,
)
from invoicing.records.base import ApprovalId, Step
from invoicing.records.ledger import Outcome
from invoicing.records.problem import Problem
from orchestrators import versions
from orchestrators.retry import ActivityGaveUp
from orchestrators.steps import call, input_of
from orchestrators.versions import since
from orchestrators.waiting import done_before, sleep

bp = df.Blueprint()

#: After so many looks in a row that found nothing new, a rest follows each of them. A decision may cause some
#: such looks: it wakes again while it is not seen to be taken in.
LOOKS_FOR_NOTHING = 10
REST = timedelta(seconds=30)

Job = TypeVar("Job", bound=StageJob)


@bp.orchestration_trigger(context_name="context")
def approval(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Get people's approval: an `ApprovalJob` in, an `ApprovalResult` out; never raises.

    Custom status: an `ApprovalStatus`.
    """
    workflow = _Approval(context, input_of(context, APPROVAL).approval)
    try:
        result = yield from workflow.run()
    except ActivityGaveUp as failure:
        result = yield from workflow.give_up(str(failure))
    return APPROVAL.written_output(result)


class _Approval:
    """What the steps of one approval share."""

    def __init__(self, context: df.DurableOrchestrationContext, approval: ApprovalId) -> None:
        self._context = context
        self._approval = approval
        self._status = ApprovalStatus()

    def run(self) -> Generator[Any, Any, ApprovalResult]:
        """All stages, until one does not approve."""
        opened = yield from call(self._context, OPEN_APPROVAL, OpenJob(approval=self._approval, at=self._now))
        first, *others = opened.stages
        wait = self._arm(first, 1)
        self._take_in(opened.first)
        state = yield from self._until_over(first, wait, opened.first)

        for stage in others:
            if state.status != "approved":
                break
            wait = self._arm(stage, 1)
            state = yield from self._stage_step(OPEN_STAGE, self._job(stage))
            state = yield from self._until_over(stage, wait, state)

        return (yield from self._close(failed=None))

    def give_up(self, reason: str) -> Generator[Any, Any, ApprovalResult]:
        """A step kept failing: nobody shall decide on something that nothing comes of."""
        try:
            closed = yield from self._close(failed=reason)
        except ActivityGaveUp:
            closed = ApprovalResult(outcome="failed")
        self._show_end("failed")
        problem = Problem(code="step_failed", message=reason)
        return closed.model_copy(update={"outcome": "failed", "error": problem})

    def _close(self, failed: str | None) -> Generator[Any, Any, ApprovalResult]:
        job = CloseJob(approval=self._approval, at=self._now, after=self._status.seen, failed=failed)
        closed = yield from call(self._context, CLOSE_APPROVAL, job)
        self._show_end(closed.outcome)
        return closed

    # ------------------------------------------------------------ one stage

    def _until_over(self, stage: str, wait: Any, state: StageNow) -> Generator[Any, Any, StageNow]:
        """Wait until the ledger says that a stage is over; `wait` is its first one."""
        attempt = 1
        for_nothing = 0
        while state.alarm is not None:
            if (yield from done_before(self._context, wait, state.alarm.at)):
                attempt += 1
                wait = self._arm(stage, attempt)
                known = self._status.seen
                state = yield from self._stage_step(TAKE_IN_DECISIONS, self._job(stage))
                for_nothing = for_nothing + 1 if state.seen == known else 0
                yield from self._rest(for_nothing)
            else:
                # Nobody decided in time. A decision that the ledger has by now comes first.
                state = yield from self._stage_step(RECORD_ALARM, self._alarm_job(stage, state.alarm))
        return state

    def _rest(self, for_nothing: int) -> Generator[Any, Any, None]:
        """Events that bring nothing make a history grow, and each replay reads all of it.

        What comes meanwhile is kept: the next wait is armed.
        """
        if for_nothing >= LOOKS_FOR_NOTHING and since(versions.RESTS, self._context):
            yield from sleep(self._context, REST)

    def _arm(self, stage: str, attempt: int) -> Any:
        """Begin a wait and tell of it; an event that comes before the host waits is kept for it."""
        self._show(self._status.model_copy(update={"stage": stage, "attempt": attempt}))
        return self._context.wait_for_external_event(event(stage, attempt))

    def _job(self, stage: str) -> StageJob:
        return StageJob(approval=self._approval, stage=stage, at=self._now, after=self._status.seen)

    def _alarm_job(self, stage: str, alarm: Alarm) -> AlarmJob:
        return AlarmJob(
            approval=self._approval,
            stage=stage,
            at=self._now,
            after=self._status.seen,
            kind=alarm.kind,
            key=alarm.key,
        )

    def _stage_step(self, step: Step[Job, StageNow], job: Job) -> Generator[Any, Any, StageNow]:
        state = yield from call(self._context, step, job)
        self._take_in(state)
        return state

    def _take_in(self, state: StageNow) -> None:
        """Tell what the ledger says of the stage."""
        changes = {
            "waiting_for": state.waiting_for,
            "since": state.since,
            "deadline": state.deadline,
            "reminders": state.reminders,
            "seen": state.seen,
        }
        self._show(self._status.model_copy(update=changes))

    # ------------------------------------------------------------ status

    @property
    def _now(self) -> datetime:
        return self._context.current_utc_datetime

    def _show_end(self, outcome: Outcome) -> None:
        changes = {"stage": None, "waiting_for": (), "outcome": outcome}
        self._show(self._status.model_copy(update=changes))

    def _show(self, status: ApprovalStatus) -> None:
        self._status = status
        self._context.set_custom_status(status.as_plain())

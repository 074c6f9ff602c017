"""The workflow of one approval and its steps: what each of them takes and gives."""

from __future__ import annotations

from invoicing.approval.stages import Alarm, AlarmKind, StageStatus
from invoicing.records.base import ApprovalId, Moment, Record, Step, optional
from invoicing.records.invoice_steps import Compensated
from invoicing.records.ledger import Outcome
from invoicing.records.problem import Problem


class ApprovalJob(Record):
    """Get people's approval; the request is written by then."""

    approval: ApprovalId


class ApprovalResult(Record):
    """How an approval ended; `stage`, `by` and `comment` are of the decision that ended it."""

    outcome: Outcome
    stage: str | None = None
    by: str | None = None
    comment: str = ""
    error: Problem | None = optional()


class ApprovalStatus(Record):
    """The custom status of an approval: which wait is armed (`stage` None: none), and for whom.

    `seen`: the number of the last entry of the ledger that the workflow knows.
    """

    stage: str | None = None
    attempt: int = 0
    waiting_for: tuple[str, ...] = ()
    since: Moment | None = None
    deadline: Moment | None = None
    reminders: int = 0
    seen: int = 0
    outcome: Outcome | None = optional()


class StageNow(Record):
    """What the ledger says of a stage.

    `by`: who ended it. `alarm`: what is due next where nobody decides; None where the stage is over. `seen`:
    the number of the last entry.
    """

    status: StageStatus
    by: str | None
    waiting_for: tuple[str, ...]
    since: Moment | None
    deadline: Moment | None
    reminders: int
    alarm: Alarm | None
    seen: int


class OpenJob(Record):
    """Open an approval and its first stage at a moment."""

    approval: ApprovalId
    at: Moment


class Opened(Record):
    """The names of the stages in order, and what the ledger says of the first one."""

    stages: tuple[str, ...]
    first: StageNow


class StageJob(Record):
    """Something about one stage; `after`: the last entry of the ledger that the workflow knows."""

    approval: ApprovalId
    stage: str
    at: Moment
    after: int


class AlarmJob(StageJob):
    """Enter that an alarm of a stage was due; `key` names it within the approval."""

    kind: AlarmKind
    key: str


class CloseJob(Record):
    """Close an approval; `failed`: why it could not go on, None where its stages decided."""

    approval: ApprovalId
    at: Moment
    after: int
    failed: str | None = optional()


class CompensationJob(Record):
    """Enter that nothing came of what was approved, and why."""

    approval: ApprovalId
    at: Moment
    reason: str


APPROVAL = Step("approval", ApprovalJob, ApprovalResult)
OPEN_APPROVAL = Step("open_approval", OpenJob, Opened)
OPEN_STAGE = Step("open_approval_stage", StageJob, StageNow)
TAKE_IN_DECISIONS = Step("take_in_decisions", StageJob, StageNow)
RECORD_ALARM = Step("record_approval_alarm", AlarmJob, StageNow)
CLOSE_APPROVAL = Step("close_approval", CloseJob, ApprovalResult)
RECORD_COMPENSATION = Step("record_compensation", CompensationJob, Compensated)

"""The state of an approval, as a pure function of its ledger: a fold over the entries.

The ledger is written one entry after the other (each create fails where another was quicker), and an entry
is only written after `deciding.check_decision` or `alarm_still_due` allowed it on the state of all entries
before. So two outcomes of one stage cannot be: the second one would have been refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from invoicing.approval.ledger import Entry
from invoicing.approval.policy import Stage
from invoicing.approval.seats import different_people_for
from invoicing.records.base import Moment
from invoicing.records.ledger import Outcome

StageStatus = Literal["waiting", "open", "approved", "rejected", "expired"]
AlarmKind = Literal["reminder", "escalation", "expiry"]


@dataclass(frozen=True)
class StageState:
    """One stage at a moment.

    `since`: when its present term began. `approvers`: who may decide (after an escalation, more).
    `approvals`: approver -> who said yes in their place. `question`: who waits for the sender's answer.
    `decided_by`: who ended it. `term`: 2 after an expiry that meant `escalate`.
    """

    stage: Stage
    status: StageStatus = "waiting"
    since: datetime | None = None
    opened: datetime | None = None
    approvers: tuple[str, ...] = ()
    approvals: dict[str, str] = field(default_factory=dict[str, str])
    question: str | None = None
    reminders: int = 0
    last_reminder: datetime | None = None
    escalated: bool = False
    term: int = 1
    decided_by: str | None = None
    ended: datetime | None = None

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.stage.name

    @property
    def left(self) -> tuple[str, ...]:
        """The approvers whose decision is still open."""
        return tuple(person for person in self.approvers if person not in self.approvals)


@dataclass(frozen=True)
class Alarm:
    """What is due next in an open stage where nobody decides; `key` names it within the approval."""

    kind: AlarmKind
    at: Moment
    key: str


@dataclass(frozen=True)
class Progress:
    """An approval at a moment: its stages, the people who approved so far, and how it ended."""

    stages: tuple[StageState, ...]
    used: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    outcome: Outcome | None = None
    closed: bool = False
    undone: bool = False
    entries: int = 0

    @property
    def open_stage(self) -> StageState | None:
        """The stage that waits for a decision."""
        return next((stage for stage in self.stages if stage.status == "open"), None)

    def stage(self, name: str) -> StageState:
        """The stage of this name. Raises KeyError."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise KeyError(name)


def progress(stages: Iterable[Stage], entries: Iterable[Entry]) -> Progress:
    """The state after all entries."""
    state = Progress(tuple(StageState(stage) for stage in stages))
    for entry in entries:
        state = after(state, entry)
    return state


def after(state: Progress, entry: Entry) -> Progress:
    """The state after one more entry; an entry that has no meaning in this state changes nothing."""
    state = replace(state, entries=state.entries + 1)
    if entry.kind == "closed":
        failed = entry.detail.outcome == "failed"
        return replace(state, closed=True, outcome="failed" if failed else state.outcome)
    if entry.kind == "undone":
        return replace(state, undone=True)
    if entry.link_id:
        state = replace(state, links=state.links | {entry.link_id})
    step = _STEPS.get(entry.kind)
    before = next((stage for stage in state.stages if stage.name == entry.stage), None)
    if step is None or before is None or before.status != _NEEDS.get(entry.kind, "open"):
        return state
    changed = step(before, entry)
    used = state.used | {entry.who} if entry.kind == "approve" and entry.who else state.used
    state = replace(state, stages=_with(state.stages, changed), used=used)
    return _settled(_widened(state, changed) if entry.kind == "stage_opened" else state)


def _with(stages: tuple[StageState, ...], changed: StageState) -> tuple[StageState, ...]:
    return tuple(changed if stage.name == changed.name else stage for stage in stages)


def _settled(state: Progress) -> Progress:
    """Set the outcome: that of the first stage that did not approve, or of all of them together."""
    for stage in state.stages:
        if stage.status in ("rejected", "expired"):
            return replace(state, outcome=stage.status)
    if all(stage.status == "approved" for stage in state.stages):
        return replace(state, outcome="approved")
    return state


# ---------------------------------------------------------------- what each kind of entry does to its stage


def _opened(before: StageState, entry: Entry) -> StageState:
    at = _time(entry)
    return replace(before, status="open", since=at, opened=at, approvers=before.stage.approvers)


def _approve(before: StageState, entry: Entry) -> StageState:
    approvals = {**before.approvals, entry.on_behalf_of or entry.who or "": entry.who or ""}
    changed = replace(before, approvals=approvals, question=None)
    return _ended(changed, entry, "approved") if len(approvals) >= before.stage.quorum else changed


def _reject(before: StageState, entry: Entry) -> StageState:
    return _ended(before, entry, "rejected")


def _ask(before: StageState, entry: Entry) -> StageState:
    return replace(before, question=entry.who)


def _answer(before: StageState, entry: Entry) -> StageState:
    return replace(before, question=None)


def _reminder(before: StageState, entry: Entry) -> StageState:
    return replace(before, reminders=before.reminders + 1, last_reminder=_time(entry))


def _escalation(before: StageState, entry: Entry) -> StageState:
    return replace(before, escalated=True, approvers=_joined(before.approvers, before.stage.escalate_to))


def _reassigned(before: StageState, entry: Entry) -> StageState:
    return replace(before, approvers=_joined(before.approvers, entry.detail.to or ()))


def _expiry(before: StageState, entry: Entry) -> StageState:
    if before.stage.on_expiry == "approve":
        return _ended(before, entry, "approved")
    if before.stage.on_expiry == "escalate" and before.term == 1:
        widened = _escalation(before, entry)
        return replace(widened, term=2, since=_time(entry), last_reminder=None)
    return _ended(before, entry, "expired")


def _ended(before: StageState, entry: Entry, status: StageStatus) -> StageState:
    return replace(before, status=status, decided_by=entry.who, ended=_time(entry), question=None)


_STEPS: dict[str, Callable[[StageState, Entry], StageState]] = {
    "stage_opened": _opened,
    "approve": _approve,
    "reject": _reject,
    "ask": _ask,
    "answer": _answer,
    "reminder": _reminder,
    "escalation": _escalation,
    "expiry": _expiry,
    "reassigned": _reassigned,
}
_NEEDS: dict[str, StageStatus] = {"stage_opened": "waiting"}


def _joined(some: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return some + tuple(person for person in more if person not in some)


def _time(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry.at)


# ---------------------------------------------------------------- who is left


def can_go_on(state: Progress, barred: frozenset[str] = frozenset()) -> bool:
    """Say whether different people are left for every place, the open stage's among who may decide there now.

    Whoever approved before is left out, and so is `barred` (the sender). Of stages to come, the next in line
    count too.
    """
    out = state.used | barred
    places: list[frozenset[str]] = []
    for current in state.stages:
        if current.status not in ("waiting", "open"):
            continue
        stage = current.stage
        people = current.approvers if current.status == "open" else stage.approvers + stage.escalate_to
        free = frozenset(people) - out - current.approvals.keys()
        places += [free] * (stage.quorum - len(current.approvals))
    return different_people_for(places)


def _widened(state: Progress, opened: StageState) -> Progress:
    """A stage that its own approvers cannot fill any more is given to the next in line at once."""
    if can_go_on(state) or not opened.stage.escalate_to:
        return state
    wider = _joined(opened.approvers, opened.stage.escalate_to)
    return replace(state, stages=_with(state.stages, replace(opened, approvers=wider, escalated=True)))


# ---------------------------------------------------------------- time


def deadline(current: StageState) -> datetime:
    """When an open stage expires."""
    if current.since is None:
        raise ValueError("the stage was never opened")
    return current.since + current.stage.expire_after


def next_alarm(current: StageState) -> Alarm:
    """What is due next in an open stage. Of two at the same moment, the one that changes more comes first."""
    stage = current.stage
    since = current.since
    found = [Alarm("expiry", deadline(current), f"expiry.{current.name}.{current.term}")]
    assert since is not None  # or there would be no deadline
    if stage.escalate_after and stage.escalate_to and not current.escalated:
        found.append(Alarm("escalation", since + stage.escalate_after, f"escalation.{current.name}"))
    reminder = _next_reminder(current, since)
    if reminder is not None:
        found.append(Alarm("reminder", reminder, f"reminder.{current.name}.{current.reminders + 1}"))
    return min(found, key=lambda alarm: (alarm.at, ("expiry", "escalation", "reminder").index(alarm.kind)))


def _next_reminder(current: StageState, since: datetime) -> datetime | None:
    stage = current.stage
    if stage.remind_after is None:
        return None
    if current.last_reminder is None:
        return since + stage.remind_after
    # Counted from the last one that was really sent: after an outage of days there is one, not a burst.
    return current.last_reminder + stage.remind_every if stage.remind_every else None


def alarm_still_due(state: Progress, stage: str, key: str) -> bool:
    """Say whether an alarm is still the stage's next one: a decision may have come first."""
    current = state.open_stage
    return current is not None and current.name == stage and next_alarm(current).key == key


def may_open(state: Progress, stage: str) -> bool:
    """Say whether it is this stage's turn: all before it approved, and it waits."""
    for current in state.stages:
        if current.name == stage:
            return current.status == "waiting" and not state.closed
        if current.status != "approved":
            return False
    return False

"""The state of an approval, as a pure function of its ledger: a fold over the entries.

The ledger is written one entry after the other (each create fails where another was quicker), and an entry is
only written after `check_decision` or `alarm_still_due` allowed it on the state of all entries before. So two
outcomes of one stage cannot be: the second one would have been refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from invoicing.approval.ledger import Entry
from invoicing.approval.policy import Stage

StageStatus = Literal["waiting", "open", "approved", "rejected", "expired"]
Outcome = Literal["approved", "rejected", "expired", "failed"]
"""`failed`: the workflow could not go on; nothing that was approved before counts then."""
AlarmKind = Literal["reminder", "escalation", "expiry"]


class DecisionRefused(Exception):
    """A decision that cannot be; `code` is for programs, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


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
    approvals: dict[str, str] = field(default_factory=dict)
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
        return tuple(one for one in self.approvers if one not in self.approvals)

    def as_dict(self) -> dict[str, Any]:
        """What pages and the API show of a stage."""
        return {
            "name": self.name,
            "status": self.status,
            "approvers": list(self.approvers or self.stage.approvers),
            "quorum": self.stage.quorum,
            "approvals": len(self.approvals),
            "since": self.since.isoformat() if self.since else None,
            "ended": self.ended.isoformat() if self.ended else None,
            "question_by": self.question,
            "escalated": self.escalated,
            "reminders": self.reminders,
        }


@dataclass(frozen=True)
class Alarm:
    """What is due next in an open stage where nobody decides; `key` names it within the approval."""

    kind: AlarmKind
    at: datetime
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
        return next((one for one in self.stages if one.status == "open"), None)

    def stage(self, name: str) -> StageState:
        """The stage of this name. Raises KeyError."""
        for one in self.stages:
            if one.name == name:
                return one
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
        failed = entry.detail.get("outcome") == "failed"
        return replace(state, closed=True, outcome="failed" if failed else state.outcome)
    if entry.kind == "undone":
        return replace(state, undone=True)
    if entry.link_id:
        state = replace(state, links=state.links | {entry.link_id})
    step = _STEPS.get(entry.kind)
    before = next((one for one in state.stages if one.name == entry.stage), None)
    if step is None or before is None or before.status != _NEEDS.get(entry.kind, "open"):
        return state
    changed = step(before, entry)
    used = state.used | {entry.who} if entry.kind == "approve" and entry.who else state.used
    return _settled(replace(state, stages=_with(state.stages, changed), used=used))


def _with(stages: tuple[StageState, ...], changed: StageState) -> tuple[StageState, ...]:
    return tuple(changed if one.name == changed.name else one for one in stages)


def _settled(state: Progress) -> Progress:
    """Set the outcome: that of the first stage that did not approve, or of all of them together."""
    for one in state.stages:
        if one.status in ("rejected", "expired"):
            return replace(state, outcome=one.status)
    if all(one.status == "approved" for one in state.stages):
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
}
_NEEDS: dict[str, StageStatus] = {"stage_opened": "waiting"}


def _joined(some: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return some + tuple(one for one in more if one not in some)


def _time(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry.at)


# ---------------------------------------------------------------- who may decide


def check_decision(
    state: Progress,
    *,
    stage: str,
    who: str,
    decision: str,
    comment: str,
    sender: str | None,
    stand_ins: Mapping[str, Sequence[str]],
    link_id: str | None = None,
) -> str:
    """Say in whose place `who` decides (themselves or an approver who is away). Raises DecisionRefused.

    `stand_ins`: for each approver, who may decide in their place now.
    """
    current = _open_stage(state, stage)
    if link_id and link_id in state.links:
        raise DecisionRefused("link_used", "This link was used already. Ask for a new one.")
    if decision in ("ask", "answer", "reject") and not comment.strip():
        needed = {"ask": "your question", "answer": "your answer"}.get(decision, "the reason")
        raise DecisionRefused("comment_needed", f"Please write {needed} into the comment.")
    if decision == "answer":
        return _may_answer(current, who, sender)
    if decision == "ask" and sender is None:
        raise DecisionRefused("nobody_to_ask", "It is not known who sent this in, so nobody can be asked.")
    return _place(state, current, who, sender, stand_ins)


def _open_stage(state: Progress, name: str) -> StageState:
    current = next((one for one in state.stages if one.name == name), None)
    if current is None:
        raise DecisionRefused("unknown_stage", f"This approval has no stage {name!r}.")
    if state.closed or state.outcome or current.status in ("approved", "rejected", "expired"):
        how = state.outcome if current.status in ("waiting", "open") else current.status
        raise DecisionRefused("stage_over", f"This was decided before: it is {how or 'closed'}.")
    if current.status == "waiting":
        raise DecisionRefused("not_open", "It is not this stage's turn yet. Try again in a moment.")
    return current


def _may_answer(current: StageState, who: str, sender: str | None) -> str:
    if who != sender:
        raise DecisionRefused("not_your_turn", "Only who sent the invoice in can answer the question.")
    if current.question is None:
        raise DecisionRefused("no_question", "There is no open question.")
    return who


def _place(
    state: Progress,
    current: StageState,
    who: str,
    sender: str | None,
    stand_ins: Mapping[str, Sequence[str]],
) -> str:
    """The approver in whose place somebody decides: their own place first."""
    places = [one for one in current.approvers if one == who or who in stand_ins.get(one, ())]
    places.sort(key=lambda one: one != who)
    if not places:
        raise DecisionRefused("not_your_turn", "You are not one of the approvers of this stage.")
    if who == sender:
        raise DecisionRefused("sender_may_not", "You sent this invoice in: somebody else has to approve it.")
    if who in current.approvals.values():
        raise DecisionRefused("already_decided", "You have decided this already.")
    if who in state.used:
        raise DecisionRefused("same_person", "You approved an earlier stage: this one needs somebody else.")
    # Who stands in for the sender acts in the sender's name.
    free = [one for one in places if one not in current.approvals and one != sender]
    if not free:
        only_sender = all(one == sender for one in places)
        code = "sender_may_not" if only_sender else "already_decided"
        raise DecisionRefused(code, "The decision that you could make was made already, or is not yours.")
    return free[0]


def waiting_for(
    state: Progress, sender: str | None, acting: Callable[[str], str] = lambda person: person
) -> tuple[str, ...]:
    """Whom the open stage waits for, stand-ins instead of those who are away; the sender for an answer."""
    current = state.open_stage
    if current is None:
        return ()
    if current.question is not None and sender is not None:
        return (sender,)
    asked = (acting(one) for one in current.left if one != sender)
    return tuple(dict.fromkeys(one for one in asked if one != sender and one not in state.used))


# ---------------------------------------------------------------- time


def deadline(current: StageState) -> datetime:
    """When an open stage expires."""
    if current.since is None:
        raise ValueError("the stage was never opened")
    return current.since + current.stage.expire_after


def next_alarm(current: StageState) -> Alarm:
    """What is due next in an open stage. Of two at the same moment, the one that changes more comes first."""
    stage, since = current.stage, current.since
    found = [Alarm("expiry", deadline(current), f"expiry.{current.name}.{current.term}")]
    assert since is not None  # or there would be no deadline
    if stage.escalate_after and stage.escalate_to and not current.escalated:
        found.append(Alarm("escalation", since + stage.escalate_after, f"escalation.{current.name}"))
    reminder = _next_reminder(current, since)
    if reminder is not None:
        found.append(Alarm("reminder", reminder, f"reminder.{current.name}.{current.reminders + 1}"))
    return min(found, key=lambda one: (one.at, ("expiry", "escalation", "reminder").index(one.kind)))


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
    for one in state.stages:
        if one.name == stage:
            return one.status == "waiting" and not state.closed
        if one.status != "approved":
            return False
    return False

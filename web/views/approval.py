"""One approval as a person reads it: stages, history, what happens next, and what the visitor may do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from invoicing.approval.deciding import DecisionRefused, People, check_decision
from invoicing.approval.ledger import Entry
from invoicing.approval.stages import Progress, StageState
from invoicing.findings import Finding
from invoicing.records.approval import ApprovalRequest
from invoicing.report.finding_groups import ShownFinding, grouped
from web.words import as_moment, duration, enumerated, moment, until

Name = Callable[[str], str]

STATUSES = {
    "waiting": "comes later",
    "open": "waits for a decision",
    "approved": "approved",
    "rejected": "rejected",
    "expired": "ran out of time",
}
OUTCOMES = {
    "approved": ("good", "Approved"),
    "rejected": ("bad", "Rejected"),
    "expired": ("bad", "Ran out of time"),
    "failed": ("bad", "Could not be finished"),
}
_MARKS = {"approved": "\u2713", "rejected": "\u2715", "expired": "\u2715"}
_VIA = {"link": "by the link in a message", "principal": "signed in", "dev": "signed in for a local run"}
DECISIONS = ("approve", "reject", "ask", "answer")
DONE = {
    "approve": "You approved this invoice.",
    "reject": "You rejected this invoice.",
    "ask": "Your question was sent.",
    "answer": "Your answer was sent.",
}


@dataclass(frozen=True)
class StageShown:
    """One stage in the list of stages."""

    name: str
    status: str
    word: str
    mark: str
    lines: list[str]


@dataclass(frozen=True)
class Event:
    """One entry of the ledger in words."""

    at: datetime | None
    text: str
    comment: str
    how: str


@dataclass(frozen=True)
class Choices:
    """What the visitor may do in the open stage; where nothing, `refusal` says why in plain words."""

    stage: str | None
    may: frozenset[str]
    refusal: str | None
    instead_of: str | None = None


def choices(
    state: Progress,
    *,
    who: str,
    sender: str | None,
    stand_ins: Mapping[str, Sequence[str]],
    purpose: str | None = None,
    link_id: str | None = None,
    stage: str | None = None,
    people: People = None,
) -> Choices:
    """Ask the rules of the domain for each decision, as if the visitor had made it with a comment.

    `purpose`, `link_id` and `stage` are of the link that the visitor came by. `people`: who is in the policy.
    """
    current = stage or (state.open_stage.name if state.open_stage else None)
    if current is None:
        return Choices(None, frozenset(), None)
    may: set[str] = set()
    refusals: dict[str, str] = {}
    place = who
    for decision in DECISIONS:
        if purpose and (decision == "answer") != (purpose == "answer"):
            continue
        try:
            found = check_decision(
                state,
                stage=current,
                who=who,
                decision=decision,
                comment="-",
                sender=sender,
                stand_ins=stand_ins,
                link_id=link_id,
                people=people,
            )
        except DecisionRefused as refused:
            refusals[decision] = refused.text
        else:
            may.add(decision)
            place = found
    refusal = None if may else refusals.get("approve") or next(iter(refusals.values()), None)
    return Choices(current, frozenset(may), refusal, place if may and place != who else None)


def stages_shown(stages: Iterable[StageState], waiting_for: Sequence[str], name: Name) -> list[StageShown]:
    """All stages in their order, each with what there is to say of it."""
    return [
        StageShown(
            name=state.name,
            status=state.status,
            word=STATUSES[state.status],
            mark=_MARKS.get(state.status, ""),
            lines=_stage_lines(state, waiting_for, name),
        )
        for state in stages
    ]


def _stage_lines(state: StageState, waiting_for: Sequence[str], name: Name) -> list[str]:
    lines: list[str] = []
    if state.status == "open":
        lines += _open_lines(state, waiting_for, name)
    elif state.status == "waiting":
        lines.append(f"Then {_people(state.stage.approvers, state.stage.quorum, name)}.")
    else:
        if state.approvals and state.status == "approved":
            lines.append(f"By {enumerated([name(who) for who in state.approvals.values()])}.")
        elif state.decided_by:
            lines.append(f"By {name(state.decided_by)}.")
        lines.append(f"{moment(state.ended)}.")
    return lines


def _open_lines(state: StageState, waiting_for: Sequence[str], name: Name) -> list[str]:
    lines: list[str] = []
    if state.question:
        lines.append(f"{name(state.question)} asked a question; {_or(waiting_for, name)} has to answer.")
    elif waiting_for:
        lines.append(f"Waits for {_or(waiting_for, name)}.")
    if state.stage.quorum > 1:
        lines.append(f"{len(state.approvals)} of {state.stage.quorum} approvals are there.")
    if state.escalated:
        lines.append("It was handed on, since nobody had decided in time.")
    return lines


def _people(approvers: Sequence[str], quorum: int, name: Name) -> str:
    if len(approvers) == 1 or quorum == len(approvers):
        return enumerated([name(person) for person in approvers])
    if quorum == 1:
        return _or(approvers, name)
    return f"{quorum} of {enumerated([name(person) for person in approvers])}"


def _or(people: Sequence[str], name: Name) -> str:
    return enumerated([name(person) for person in people], "or")


# ---------------------------------------------------------------- what happens next


def happens_next(state: Progress, name: Name, now: datetime) -> list[str]:
    """What follows from which decision, and what if nobody decides."""
    current = state.open_stage
    if state.undone:
        return ["A later step failed, so what had been done was undone. Nothing is paid."]
    if current is None or state.outcome:
        return _after_the_end(state)
    later = [stage for stage in state.stages if stage.status == "waiting"]
    missing = current.stage.quorum - len(current.approvals)
    lines: list[str] = []
    if current.question:
        lines.append(f"When the answer is there, {name(current.question)} gets a message.")
    if missing > 1:
        lines.append(
            f"If you approve, {missing - 1} more approval{'s are' if missing > 2 else ' is'} needed here."
        )
    elif later:
        people = _people(later[0].stage.approvers, later[0].stage.quorum, name)
        lines.append(f"After approval it goes to {people} (stage {later[0].name}).")
    else:
        lines.append("After approval the invoice is booked for the next payment.")
    lines.append("If it is rejected, it is not paid.")
    return [*lines, *_deadline(current, name, now)]


def _deadline(current: StageState, name: Name, now: datetime) -> list[str]:
    stage = current.stage
    since = current.since
    if since is None:
        return []
    lines: list[str] = []
    if stage.escalate_after and stage.escalate_to and not current.escalated:
        at = since + stage.escalate_after
        lines.append(f"Without a decision {_by(at, now)}, {_or(stage.escalate_to, name)} can decide too.")
    meaning = {"reject": "it is rejected", "approve": "it counts as approved"}.get(stage.on_expiry)
    if stage.on_expiry == "escalate":
        meaning = "it is handed on, with as much time again" if current.term == 1 else "it is rejected"
    lines.append(f"Without a decision {_by(since + stage.expire_after, now)}, {meaning}.")
    return lines


def _by(at: datetime, now: datetime) -> str:
    return f"by {moment(at)} ({until(at, now)})"


def _after_the_end(state: Progress) -> list[str]:
    return {
        "approved": ["The invoice is booked for the next payment."],
        "rejected": ["The invoice is not paid. Who sent it in can send a corrected one."],
        "expired": ["Nobody decided in time, so the invoice is not paid. It can be sent in again."],
        "failed": ["The approval could not go on, so nothing is paid. The run has the details."],
    }.get(state.outcome or "", ["There is nothing to decide any more."])


# ---------------------------------------------------------------- history


def history(entries: Iterable[Entry], request: ApprovalRequest, name: Name) -> list[Event]:
    """The ledger in words, the oldest entry first."""
    return [
        Event(
            as_moment(entry.at), _sentence(entry, request, name), entry.comment, _VIA.get(entry.via or "", "")
        )
        for entry in entries
    ]


def _sentence(entry: Entry, request: ApprovalRequest, name: Name) -> str:
    who = name(entry.who) if entry.who else "Settle"
    place = f" in place of {name(entry.on_behalf_of)}" if entry.on_behalf_of else ""
    stage = f"stage {entry.stage}" if entry.stage else "the approval"
    sentences = {
        "opened": _opened(request, name),
        "stage_opened": f"The {stage} began.",
        "approve": f"{who} approved{place} ({stage}).",
        "reject": f"{who} rejected{place} ({stage}).",
        "ask": f"{who} asked a question{place}.",
        "answer": f"{who} answered.",
        "reminder": f"A reminder was sent ({stage}).",
        "escalation": f"Nobody had decided, so the {stage} was handed on.",
        "expiry": f"The time of the {stage} ran out.",
        "closed": f"Closed: {OUTCOMES.get(entry.detail.outcome or '', ('', 'it is over'))[1].lower()}.",
        "booked": "Booked.",
        "undone": "A later step failed: what had been done was undone.",
        "asked": f"{_people_named(entry, name)} can decide now, and was asked ({stage}).",
        "reassigned": f"{who} gave the {stage} to {_people_named(entry, name)} as well.",
    }
    return sentences.get(entry.kind, entry.kind)


def _people_named(entry: Entry, name: Name) -> str:
    return enumerated([name(person) for person in entry.detail.to or ()])


def _opened(request: ApprovalRequest, name: Name) -> str:
    sender = f"{name(request.sender)} sent it in. " if request.sender else ""
    rule = f" by the rule “{request.rule}”"
    return f"{sender}Approval was asked for{rule}."


def waiting_since(state: Progress, now: datetime) -> str | None:
    """How long the open stage waits already, in words."""
    current = state.open_stage
    if current is None or current.since is None:
        return None
    span = now - current.since
    return duration(span) if span >= timedelta(minutes=1) else "less than a minute"


# ---------------------------------------------------------------- findings


def findings(found: Sequence[Finding], most: int = 30) -> tuple[list[ShownFinding], int]:
    """The findings of a document, worst first, equal ones once with a count; and how many did not fit."""
    shown = grouped(found)
    return shown[:most], len(shown[most:])


# ---------------------------------------------------------------- questions, and what was just done


def open_question(entries: Sequence[Entry], current: StageState | None, name: Name) -> tuple[str, str] | None:
    """Who asked what, where a question waits for its answer."""
    if current is None or current.question is None:
        return None
    asked = [entry for entry in entries if entry.kind == "ask" and entry.stage == current.name]
    return (name(asked[-1].who or ""), asked[-1].comment) if asked else None


def done(entries: Iterable[Entry], seq: str | None, person: str) -> str | None:
    """What the visitor just did, proved by the ledger: an address alone can claim anything."""
    for entry in entries:
        if str(entry.seq) == seq and entry.who == person and entry.kind in DONE:
            return DONE[entry.kind]
    return None

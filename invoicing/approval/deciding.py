"""Who may decide, and who is asked: the rules of four eyes, on the state of an approval.

Nobody decides twice in one approval, nor on what they sent in. Whoever is barred by that is barred with their
seat: nobody decides in their place either, or they would hand the seat on to whom they like.

Nobody approves who is needed later: where the clerk is the only one left for the manager's stage, another
clerk has to approve. So a stage that is open can always be filled by people who may decide in it now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from invoicing.approval.stages import Progress, StageState, can_go_on

StandIns = Mapping[str, Sequence[str]]
"""For each approver who is away, who may decide in their place now; the last one is the one to ask."""

People = frozenset[str] | None
"""Whom the policy names now. None: whoever was an approver, for what was decided under a policy of then."""


class DecisionRefused(Exception):
    """A decision that cannot be; `code` is for programs, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def check_decision(
    state: Progress,
    *,
    stage: str,
    who: str,
    decision: str,
    comment: str,
    sender: str | None,
    stand_ins: StandIns,
    link_id: str | None = None,
    people: People = None,
) -> str:
    """Say in whose place `who` decides (themselves or an approver who is away). Raises DecisionRefused."""
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
    seats = _seats_of(state, current, who, sender, stand_ins)
    if people is not None and who not in people:
        text = "You are not in the approval policy any more, so you cannot decide. Ask who looks after it."
        raise DecisionRefused("right_ended", text)
    seats = [seat for seat in seats if people is None or seat in people]
    if not seats:
        text = "You stand in for somebody who is not in the approval policy any more, so you may not decide."
        raise DecisionRefused("right_ended", text)
    if decision != "approve":
        return seats[0]
    for seat in seats:
        if _leaves_enough(state, current, seat, who, sender, people):
            return seat
    raise DecisionRefused(
        "needed_later", "You are needed for a later stage: somebody else has to approve here."
    )


def waiting_for(
    state: Progress, sender: str | None, stand_ins: StandIns, people: People = None
) -> tuple[str, ...]:
    """Whom the open stage waits for: people who can approve now, or the sender for an answer.

    For each seat that is free one person is asked, the last stand-in instead of who is away. Where these are
    fewer people than still have to approve, the others who could are asked as well.
    """
    current = state.open_stage
    if current is None:
        return ()
    if current.question is not None and sender is not None:
        return (sender,)
    living = _living(stand_ins, people)
    able = [_able(state, current, seat, sender, living, people) for seat in current.left]
    asked = list(dict.fromkeys(persons[-1] for persons in able if persons))
    more = dict.fromkeys(person for persons in able for person in reversed(persons) if person not in asked)
    missing = current.stage.quorum - len(current.approvals) - len(asked)
    return (*asked, *list(more)[: max(missing, 0)])


def _living(stand_ins: StandIns, people: People) -> StandIns:
    """The stand-ins who are in the policy themselves, of approvers who are."""
    if people is None:
        return stand_ins
    return {
        seat: tuple(person for person in persons if person in people)
        for seat, persons in stand_ins.items()
        if seat in people
    }


def deciders(
    state: Progress, sender: str | None, stand_ins: StandIns, people: People = None
) -> tuple[str, ...]:
    """Whose decision is open, also while the sender is to answer a question first."""
    unasked = tuple(replace(stage, question=None) for stage in state.stages)
    return waiting_for(replace(state, stages=unasked), sender, stand_ins, people)


def _able(
    state: Progress, current: StageState, seat: str, sender: str | None, stand_ins: StandIns, people: People
) -> list[str]:
    """Who can approve in a seat now, the one to ask last. Whose right has ended has no seat to hand on."""
    barred = _barred(state, sender)
    if seat in barred or (people is not None and seat not in people):
        return []
    persons = (seat, *stand_ins.get(seat, ()))
    return [
        person
        for person in persons
        if person not in barred and _leaves_enough(state, current, seat, person, sender, people)
    ]


def _barred(state: Progress, sender: str | None) -> frozenset[str]:
    """Who may not decide any more, and whose seats nobody can take."""
    return state.used | {sender} if sender else state.used


def _leaves_enough(
    state: Progress, current: StageState, seat: str, who: str, sender: str | None, people: People
) -> bool:
    """Say whether enough people are left for all that follows once `who` has approved in a seat.

    Where too few have the right as it is, nobody's decision makes that worse.
    """
    approvals = {**current.approvals, seat: who}
    is_over = len(approvals) >= current.stage.quorum
    changed = replace(current, approvals=approvals, status="approved" if is_over else "open")
    stages = tuple(changed if stage.name == current.name else stage for stage in state.stages)
    barred = _barred(state, sender)
    gone = _gone(state, people)
    if can_go_on(state, barred | gone):
        barred |= gone
    return can_go_on(replace(state, stages=stages, used=state.used | {who}), barred)


def is_left_by_all(state: Progress, stage: str, people: People) -> bool:
    """Say whether nobody of a stage that is open has the right any more, and the next in line has."""
    current = state.open_stage
    if people is None or state.closed or current is None or current.name != stage or current.escalated:
        return False
    return not people & set(current.left) and bool(people & set(current.stage.escalate_to))


def _gone(state: Progress, people: People) -> frozenset[str]:
    """The approvers whose right has ended."""
    if people is None:
        return frozenset()
    named = {
        person
        for stage in state.stages
        for person in (*stage.approvers, *stage.stage.approvers, *stage.stage.escalate_to)
    }
    return frozenset(named - people)


def _open_stage(state: Progress, name: str) -> StageState:
    current = next((stage for stage in state.stages if stage.name == name), None)
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


def _seats_of(
    state: Progress, current: StageState, who: str, sender: str | None, stand_ins: StandIns
) -> list[str]:
    """The seats that somebody can decide in, their own first. Raises DecisionRefused where there is none."""
    seats = [seat for seat in current.approvers if seat == who or who in stand_ins.get(seat, ())]
    seats.sort(key=lambda seat: seat != who)
    if not seats:
        raise DecisionRefused("not_your_turn", "You are not one of the approvers of this stage.")
    if who == sender:
        raise DecisionRefused("sender_may_not", "You sent this invoice in: somebody else has to approve it.")
    if who in current.approvals.values():
        raise DecisionRefused("already_decided", "You have decided this already.")
    if who in state.used:
        raise DecisionRefused("same_person", "You approved an earlier stage: this one needs somebody else.")
    free = [seat for seat in seats if seat not in current.approvals]
    allowed = [seat for seat in free if seat not in _barred(state, sender)]
    if not free:
        raise DecisionRefused("already_decided", "The decision that you could make was made already.")
    if not allowed:
        code = "sender_may_not" if sender in free else "same_person"
        text = "You stand in for somebody who may not decide on this invoice, so you may not either."
        raise DecisionRefused(code, text)
    return allowed

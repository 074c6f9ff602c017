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
    if decision != "approve":
        return seats[0]
    for seat in seats:
        if _leaves_enough(state, current, seat, who, sender):
            return seat
    raise DecisionRefused(
        "needed_later", "You are needed for a later stage: somebody else has to approve here."
    )


def waiting_for(state: Progress, sender: str | None, stand_ins: StandIns) -> tuple[str, ...]:
    """Whom the open stage waits for: people who can approve now, or the sender for an answer.

    For each seat that is free one person is asked, the last stand-in instead of who is away. Where these are
    fewer people than still have to approve, the others who could are asked as well.
    """
    current = state.open_stage
    if current is None:
        return ()
    if current.question is not None and sender is not None:
        return (sender,)
    able = [_able(state, current, seat, sender, stand_ins) for seat in current.left]
    asked = list(dict.fromkeys(people[-1] for people in able if people))
    more = dict.fromkeys(person for people in able for person in reversed(people) if person not in asked)
    missing = current.stage.quorum - len(current.approvals) - len(asked)
    return (*asked, *list(more)[: max(missing, 0)])


def _able(
    state: Progress, current: StageState, seat: str, sender: str | None, stand_ins: StandIns
) -> list[str]:
    """Who can approve in a seat now, the one to ask last."""
    barred = _barred(state, sender)
    if seat in barred:
        return []
    people = (seat, *stand_ins.get(seat, ()))
    return [
        person
        for person in people
        if person not in barred and _leaves_enough(state, current, seat, person, sender)
    ]


def _barred(state: Progress, sender: str | None) -> frozenset[str]:
    """Who may not decide any more, and whose seats nobody can take."""
    return state.used | {sender} if sender else state.used


def _leaves_enough(state: Progress, current: StageState, seat: str, who: str, sender: str | None) -> bool:
    """Say whether enough people are left for all that follows once `who` has approved in a seat."""
    approvals = {**current.approvals, seat: who}
    is_over = len(approvals) >= current.stage.quorum
    changed = replace(current, approvals=approvals, status="approved" if is_over else "open")
    stages = tuple(changed if stage.name == current.name else stage for stage in state.stages)
    return can_go_on(replace(state, stages=stages, used=state.used | {who}), _barred(state, sender))


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

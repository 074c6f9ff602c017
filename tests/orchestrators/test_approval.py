"""Approvals on a host with skipping time: stages, people, questions, and decisions at bad moments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from invoicing.approval import names
from invoicing.approval.deciding import DecisionRefused
from stores import approval_names, approvals, rights_seen
from stores.blobs import StorageUnavailable
from stores.invoices import document_name
from stores.payables import PayableStore
from tests.orchestrators.approval_kit import (
    ANN,
    BOB,
    CARLA,
    DAN,
    EVA,
    INVOICE,
    SUE,
    Office,
    clerk,
    manager,
)
from usecases.absences import delegate, end_absence
from usecases.refusals import NotDone

APPROVAL = names.approval_id(INVOICE)
Open = Callable[..., Office]


@pytest.fixture
def office() -> Iterator[Open]:
    """An office with these stages where an invoice came in."""
    with ExitStack() as stack:

        def start(*stages: dict[str, Any], sender: str | None = SUE, **host: Any) -> Office:
            here = stack.enter_context(Office(*stages, **host).at_work())
            here.bring(sender=sender)
            return here

        yield start


def _not_done(call: Callable[[], Any]) -> str:
    with pytest.raises(NotDone) as refused:
        call()
    assert refused.value.text.endswith(".")
    return refused.value.code


def _refused(call: Callable[[], Any]) -> str:
    with pytest.raises(DecisionRefused) as refused:
        call()
    assert refused.value.text, "people are told why"
    return refused.value.code


# ---------------------------------------------------------------- stages and quorum


def test_stages_come_one_after_the_other_and_the_invoice_is_booked(office: Open) -> None:
    """The second stage is asked when the first has approved; then the payable names both."""
    here = office(clerk(), manager())
    assert here.told_kinds() == [("request", (ANN, BOB))]
    here.decide(BOB, "approve")
    assert here.told_kinds()[-1] == ("request", (CARLA, DAN))
    here.decide(CARLA, "approve", comment="")
    assert here.status().output == {"status": "booked", "approval": APPROVAL, "by": CARLA, "undone": []}
    (payable,) = here.payables()
    assert payable["approved_by"] == [BOB, CARLA]
    closed, booked = here.entries()[-2:]
    assert payable["ledger"] == {"entries": closed.seq, "head": closed.hash}
    assert list(booked.detail.payables or {}) == [INVOICE]
    assert here.told_kinds()[-1] == ("decided", (SUE,))
    assert approvals.inbox(here.blobs) == []


def test_inbox_has_what_a_list_shows(office: Open) -> None:
    """Without reading a blob: supplier, number, amount, stage, and whom it waits for."""
    here = office(clerk())
    here.blobs.calls.clear()
    (item,) = approvals.inbox(here.blobs)
    assert here.blobs.calls == [("list", approval_names.INBOX)]
    shown = (item.supplier, item.number, str(item.amount), item.stage, item.approvers, item.since)
    assert shown == ("ACME", "17", "500.00", "clerk", (ANN, BOB), here.host.now)
    assert item.type_code == "380"


def test_quorum_needs_so_many_different_people(office: Open) -> None:
    """One approval of two leaves the stage open, and waits for who has not decided yet."""
    here = office(clerk(approvers=[ANN, BOB, EVA], quorum=2))
    here.decide(ANN, "approve")
    assert here.status(APPROVAL).custom_status["waiting_for"] == [BOB, EVA]
    assert _refused(lambda: here.write(ANN, "approve")) == "already_decided"
    here.decide(EVA, "approve")
    assert here.status().output["status"] == "booked"


def test_one_reject_ends_it_and_the_claim_is_given_back(office: Open) -> None:
    """Also where others approved before; nobody is asked after that, and a corrected copy may come."""
    here = office(clerk(approvers=[ANN, BOB], quorum=2), manager())
    here.decide(ANN, "approve")
    here.decide(BOB, "reject", comment="wrong price")
    output = here.status().output
    assert (output["status"], output["by"], output["undone"]) == ("rejected", BOB, ["claim"])
    assert here.status().custom_status["undone"] == ["claim"]
    assert here.payables() == []
    assert here.told[-1].comment == "wrong price"
    other = names.invoice_id("2" * 64)
    here.bring("valid ACME 17 500.00", ref=other)
    assert here.host.status(other).custom_status["phase"] == "approval", "it is no duplicate"


def test_same_person_never_fills_two_stages(office: Open) -> None:
    """Ann stands in both stages; having approved the first, she may not decide in the second."""
    here = office(clerk(), manager(approvers=[ANN, CARLA]))
    here.decide(ANN, "approve")
    assert here.told_kinds()[-1] == ("request", (CARLA,)), "and she is not asked"
    assert _refused(lambda: here.write(ANN, "approve")) == "same_person"
    assert _refused(lambda: here.write(ANN, "reject")) == "same_person"
    here.decide(CARLA, "approve")
    assert here.status().output["status"] == "booked"


def test_sender_may_not_approve(office: Open) -> None:
    """Ann sent it in: only Bob is asked."""
    here = office(clerk(), sender=ANN)
    assert here.told_kinds() == [("request", (BOB,))]
    assert _refused(lambda: here.write(ANN, "approve")) == "not_your_turn"


def test_invoice_that_only_its_sender_could_approve_is_refused(office: Open) -> None:
    """Better at once than an approval that nobody can end; what was claimed is given back."""
    here = office(clerk(approvers=[ANN]), sender=ANN)
    output = here.status().output
    assert (output["status"], output["error"]["code"]) == ("failed", "no_approver")
    assert output["undone"] == ["claim"]


def test_stranger_may_not_decide(office: Open) -> None:
    """Neither somebody of a later stage nor anybody else."""
    here = office(clerk(), manager())
    assert _refused(lambda: here.write(CARLA, "approve")) == "not_your_turn"
    assert _refused(lambda: here.write(SUE, "approve")) == "not_your_turn"
    assert here.kinds() == ["opened", "stage_opened"], "a refused decision leaves no trace"


# ---------------------------------------------------------------- withdrawn


def test_invoice_that_is_withdrawn_is_decided_and_booked_by_nobody(office: Open) -> None:
    """Who and why stand in the ledger, its number is free, and the same invoice may come again."""
    here = office(clerk())
    assert _not_done(lambda: here.withdraw(why="")) == "why_missing"
    assert _not_done(lambda: here.withdraw(who="")) == "who_missing"
    here.withdraw()
    here.withdraw()
    shown = here.invoice_status()
    assert (shown.status, shown.by, shown.why) == ("withdrawn", SUE, "sent by mistake")
    closed = here.entries()[-1]
    assert (closed.kind, closed.detail.outcome) == ("closed", "failed")
    assert closed.detail.reason == f"Withdrawn by {SUE}: sent by mistake"
    assert _refused(lambda: here.write(ANN, "approve")) == "stage_over"
    assert (approvals.inbox(here.blobs), here.payables()) == ([], [])
    here.host.start("process_invoice", {"invoice": INVOICE, "run": "2"}, instance_id=INVOICE)
    again = here.invoice_status()
    assert (again.status, again.approval) == ("running", names.approval_id(INVOICE, 2))


def test_invoice_that_is_booked_or_over_cannot_be_withdrawn(office: Open) -> None:
    """Nothing of it changes."""
    here = office(clerk())
    here.decide(ANN, "approve")
    assert _not_done(here.withdraw) == "booked"
    assert len(here.payables()) == 1
    other = office(clerk())
    other.decide(ANN, "reject")
    assert _not_done(other.withdraw) == "invoice_ended"
    assert other.invoice_status().status == "rejected"


def test_invoice_that_was_booked_just_before_its_run_was_ended_is_not_withdrawn(
    office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is that it is booked, and its status does not say otherwise."""
    here = office(clerk())
    looks = iter((None, "booked meanwhile"))
    monkeypatch.setattr(PayableStore, "payable", lambda store, reference: next(looks))
    assert _not_done(here.withdraw) == "booked"
    assert here.invoice_status().status == "stopped"


# ---------------------------------------------------------------- a right that ends


def test_stage_that_all_have_left_goes_to_the_next_in_line(office: Open) -> None:
    """At the next look, and not after days: nobody would decide before."""
    here = office(clerk(approvers=[BOB], escalate_after="P5D", escalate_to=[CARLA]))
    here.leaves(BOB)
    assert _refused(lambda: here.write(BOB, "approve")) == "right_ended"
    here.wake()
    assert here.kinds()[-1] == "escalation"
    assert here.told_kinds()[-1] == ("escalation", (CARLA,))
    assert here.status(APPROVAL).custom_status["waiting_for"] == [CARLA]
    here.decide(CARLA, "approve")
    assert len(here.payables()) == 1


def test_absence_reaches_open_approvals_within_a_minute(office: Open) -> None:
    """The stand-in is told, and the lists name them; when Ann is back, the lists name her again."""
    here = office(clerk(approvers=[ANN]))
    other = here.bring("valid Else 18 70.00", ref=names.invoice_id("2" * 64))
    assert len(here.look_at_rights()) == 2, "what was before the first look is not known"
    assert here.look_at_rights() == []
    until = here.host.now + timedelta(days=3)
    delegate(here.blobs, here.policy, ANN, until, EVA, here.host.now)
    assert set(here.look_at_rights()) == {APPROVAL, other}
    assert here.look_at_rights() == []
    assert here.kinds() == ["opened", "stage_opened", "asked"]
    assert here.told_kinds(APPROVAL) == [("request", (ANN,)), ("request", (EVA,))]
    assert [entry.approvers for entry in approvals.inbox(here.blobs)] == [(EVA,), (EVA,)]

    end_absence(here.blobs, ANN)
    here.look_at_rights()
    assert [entry.approvers for entry in approvals.inbox(here.blobs)] == [(ANN,), (ANN,)]
    assert here.told_kinds(APPROVAL)[2:] == [("request", (ANN,))]


def test_absence_that_ends_by_its_time_reaches_open_approvals(office: Open) -> None:
    """Nobody says that they are back: the clock does."""
    here = office(clerk(approvers=[ANN]))
    here.look_at_rights()
    delegate(here.blobs, here.policy, ANN, here.host.now + timedelta(hours=1), EVA, here.host.now)
    here.look_at_rights()
    here.host.advance(hours=2)
    assert here.look_at_rights() == [APPROVAL]
    assert approvals.inbox(here.blobs)[0].approvers == (ANN,)


def test_change_of_rights_asks_nobody_twice_who_is_told_for_another_reason(office: Open) -> None:
    """The absence and a decision are taken in by one step; and a step that is repeated asks once."""
    here = office(clerk(approvers=[ANN, BOB, CARLA], quorum=2))
    here.look_at_rights()
    delegate(here.blobs, here.policy, CARLA, here.host.now + timedelta(days=1), DAN, here.host.now)
    here.write(ANN, "approve")
    here.look_at_rights()
    here.wake()
    told = [to for kind, to in here.told_kinds() if kind == "request"]
    assert told == [(ANN, BOB, CARLA), (DAN,)]


def test_change_that_concerns_nobody_of_an_approval_wakes_nothing(office: Open) -> None:
    """Thousands may be open."""
    here = office(clerk(approvers=[ANN]))
    here.look_at_rights()
    delegate(here.blobs, here.policy, DAN, here.host.now + timedelta(days=1), EVA, here.host.now)
    assert here.look_at_rights() == []


def test_look_that_dies_is_made_good_by_the_next(office: Open) -> None:
    """What was seen is kept last."""
    here = office(clerk(approvers=[ANN]))
    here.look_at_rights()
    delegate(here.blobs, here.policy, ANN, here.host.now + timedelta(days=1), EVA, here.host.now)

    def away(verb: str, name: str) -> None:
        if (verb, name) == ("write", rights_seen.RIGHTS):
            raise StorageUnavailable("away")

    here.blobs.fails = away
    with pytest.raises(StorageUnavailable):
        here.look_at_rights()
    here.blobs.come_back()
    assert here.look_at_rights() == [APPROVAL]
    assert here.told_kinds() == [("request", (ANN,)), ("request", (EVA,))]


def test_stage_that_all_have_left_is_given_to_somebody_by_an_administrator(office: Open) -> None:
    """Nobody is in line, so it would wait until it expires; the ledger says who gave it to whom, and why."""
    here = office(clerk(approvers=[BOB]))
    here.policy = replace(here.policy, administrators=frozenset({DAN}))
    here.leaves(BOB)
    here.wake()
    assert here.status(APPROVAL).custom_status["waiting_for"] == []
    assert _not_done(lambda: here.reassign(EVA, CARLA)) == "not_administrator"
    for to, code in ((DAN, "yourself"), ("x@example.com", "unknown_person"), (SUE, "unknown_person")):
        assert _not_done(lambda to=to: here.reassign(DAN, to)) == code
    assert _not_done(lambda: here.reassign(DAN, CARLA, " ")) == "reason_needed"
    entry = here.reassign(DAN, CARLA)
    assert (entry.who, entry.detail.to, entry.comment) == (DAN, (CARLA,), "Bob has left")
    assert _not_done(lambda: here.reassign(DAN, CARLA)) == "already_approver"
    assert here.told_kinds()[-1] == ("request", (CARLA,))
    assert approvals.inbox(here.blobs)[0].approvers == (CARLA,)
    here.decide(CARLA, "approve")
    assert here.payables()[0]["approved_by"] == [CARLA]
    assert _not_done(lambda: here.reassign(DAN, EVA)) == "stage_over"


def test_reassignment_whose_event_was_lost_is_made_good_by_the_sweep(office: Open) -> None:
    """As a decision is."""
    here = office(clerk(approvers=[BOB]))
    here.policy = replace(here.policy, administrators=frozenset({DAN}))
    here.reassign(DAN, CARLA, wakes=False)
    assert here.sweep() == [APPROVAL]
    assert here.told_kinds()[-1] == ("request", (CARLA,))


def test_decision_from_before_counts_though_its_person_has_left(office: Open) -> None:
    """It was right when it was made."""
    here = office(clerk(approvers=[ANN, BOB], quorum=2))
    here.decide(BOB, "approve")
    here.leaves(BOB)
    here.decide(ANN, "approve")
    assert here.payables()[0]["approved_by"] == [BOB, ANN]


# ---------------------------------------------------------------- absence


def test_stand_in_decides_and_the_ledger_says_for_whom(office: Open) -> None:
    """Ann is away and Eva stands in; Ann's place is taken then, also when she comes back."""
    here = office(clerk(approvers=[ANN, BOB], quorum=2))
    until = here.host.now + timedelta(days=3)
    delegate(here.blobs, here.policy, ANN, until, EVA, here.host.now)
    entry = here.decide(EVA, "approve")
    assert (entry.who, entry.on_behalf_of) == (EVA, ANN)
    assert _refused(lambda: here.write(ANN, "approve")) == "already_decided"
    here.decide(BOB, "approve")
    assert here.payables()[0]["approved_by"] == [EVA, BOB]


def test_stand_in_is_asked_instead_and_only_while_the_absence_lasts(office: Open) -> None:
    """The reminder goes to Eva; after the absence it is Ann's turn again."""
    here = office(clerk(approvers=[ANN], remind_after="P1D", remind_every="P2D"))
    until = here.host.now + timedelta(days=2)
    delegate(here.blobs, here.policy, ANN, until, EVA, here.host.now)
    here.host.advance(days=1)
    assert here.told_kinds()[-1] == ("reminder", (EVA,))
    here.host.advance(days=2)
    assert here.told_kinds()[-1] == ("reminder", (ANN,))
    assert _refused(lambda: here.write(EVA, "approve")) == "not_your_turn"


def test_nobody_stands_in_twice_or_for_the_sender(office: Open) -> None:
    """Eva stands in for Ann and Bob: she is one person, and two have to look at it."""
    here = office(clerk(approvers=[ANN, BOB, CARLA], quorum=2), sender=DAN)
    now = here.host.now
    for who in (ANN, BOB):
        delegate(here.blobs, here.policy, who, now + timedelta(days=3), EVA, now)
    here.decide(EVA, "approve")
    assert _refused(lambda: here.write(EVA, "approve")) == "already_decided"


# ---------------------------------------------------------------- questions


def test_question_goes_to_the_sender_and_its_answer_back(office: Open) -> None:
    """While it is open, the stage waits for the sender; then who asked is told."""
    here = office(clerk())
    here.decide(ANN, "ask", comment="Which order?")
    asked = here.told[-1]
    assert (asked.kind, asked.stage, asked.to, asked.entry) == ("question", "clerk", (SUE,), 3)
    assert (asked.author, asked.comment) == (ANN, "Which order?")
    assert here.status(APPROVAL).custom_status["waiting_for"] == [SUE]
    assert _refused(lambda: here.write(BOB, "answer")) == "not_your_turn"
    here.decide(SUE, "answer", comment="4711")
    assert here.told_kinds()[-1] == ("answer", (ANN,))
    assert here.status(APPROVAL).custom_status["waiting_for"] == [ANN, BOB]
    assert _refused(lambda: here.write(SUE, "answer")) == "no_question"
    here.decide(ANN, "approve")
    assert here.status().output["status"] == "booked"


def test_question_needs_somebody_to_ask_and_words(office: Open) -> None:
    """Where nobody is known to have sent it in, nobody can answer."""
    here = office(clerk(), sender=None)
    assert _refused(lambda: here.write(ANN, "ask")) == "nobody_to_ask"
    assert _refused(lambda: here.write(ANN, "reject", comment="  ")) == "comment_needed"
    assert _refused(lambda: here.write(ANN, "approve", comment="x" * 2001)) == "comment_too_long"


def test_question_and_answer_while_a_decision_comes_lose_nothing(office: Open) -> None:
    """All three reach the ledger before the workflow looks: everybody is told, the decision counts."""
    here = office(clerk(approvers=[ANN, BOB], quorum=2))
    with here.host.held():
        here.decide(ANN, "ask")
        here.decide(SUE, "answer")
        here.decide(ANN, "approve")
    assert [kind for kind, _ in here.told_kinds()] == ["request", "question", "answer"]
    here.decide(BOB, "approve")
    assert here.status().output["status"] == "booked"


# ---------------------------------------------------------------- bad moments


def test_decision_before_the_wait_is_armed_is_not_lost() -> None:
    """People are told of a stage while its workflow still writes: who is quick may come before the wait."""

    def quick(verb: str, name: str) -> None:
        if verb == "create" and "/notifications/" in name:
            here.blobs.fails = lambda verb, name: None
            here.write(ANN, "approve")
            assert here.status(APPROVAL).custom_status is None
            here.host.engine.raise_event(APPROVAL, "decision.clerk.1", "true")

    here = Office(clerk())
    with here.at_work():
        here.blobs.fails = quick
        here.bring()
        assert here.status().output["status"] == "booked"
        assert here.kinds() == ["opened", "stage_opened", "approve", "closed", "booked"]


def test_decision_for_a_stage_that_is_not_open_yet_is_refused(office: Open) -> None:
    """Carla clicks an old link of hers while the first stage is open."""
    here = office(clerk(), manager())
    assert _refused(lambda: here.write(CARLA, "approve", stage="manager")) == "not_open"
    assert _refused(lambda: here.write(CARLA, "approve", stage="board")) == "unknown_stage"


def test_decision_for_a_stage_that_is_over_is_refused(office: Open) -> None:
    """Whether the next stage is open or everything has ended; the first decision stays."""
    here = office(clerk(), manager())
    here.decide(ANN, "approve")
    assert _refused(lambda: here.write(BOB, "reject", stage="clerk")) == "stage_over"
    here.decide(DAN, "reject")
    assert _refused(lambda: here.write(CARLA, "approve", stage="manager")) == "stage_over"
    assert here.status().output["status"] == "rejected"


def test_of_two_approvers_at_the_same_second_one_is_counted(office: Open) -> None:
    """Ann approves while Bob's reject is between his look and his write: exactly one of them is written."""
    here = office(clerk())

    def first_ann(verb: str, name: str) -> None:
        if verb == "create" and name == approval_names.entry(APPROVAL, 3):
            here.blobs.fails = lambda verb, name: None
            here.write(ANN, "approve")

    here.blobs.fails = first_ann
    assert _refused(lambda: here.decide(BOB, "reject")) == "stage_over"
    here.wake()
    assert here.kinds() == ["opened", "stage_opened", "approve", "closed", "booked"]
    assert here.status().output["by"] == ANN


def test_two_of_a_quorum_at_the_same_second_are_both_counted(office: Open) -> None:
    """The second one's place in the chain was taken: it is written behind, not lost."""
    here = office(clerk(quorum=2))

    def first_ann(verb: str, name: str) -> None:
        if verb == "create" and name == approval_names.entry(APPROVAL, 3):
            here.blobs.fails = lambda verb, name: None
            here.write(ANN, "approve")

    here.blobs.fails = first_ann
    assert here.decide(BOB, "approve").seq == 4
    assert here.payables()[0]["approved_by"] == [ANN, BOB]


def test_decision_comes_before_the_expiry_of_the_same_moment(office: Open) -> None:
    """It was in the ledger when the timer fired, and only its event got lost."""
    here = office(clerk())
    here.host.advance(days=13.99)
    here.write(ANN, "approve")
    here.host.advance(days=1)
    assert here.status().output["status"] == "booked"
    assert "expiry" not in here.kinds()


def test_lost_event_is_made_good_by_the_sweep(office: Open) -> None:
    """The process died between ledger and event; the sweep wakes it once, and then finds nothing to do."""
    here = office(clerk(), manager())
    here.write(ANN, "approve")
    assert here.status(APPROVAL).custom_status["stage"] == "clerk"
    assert here.sweep() == [APPROVAL]
    assert here.status(APPROVAL).custom_status["stage"] == "manager"
    assert here.sweep() == []


@pytest.mark.parametrize("over_http", [True, False])
@pytest.mark.parametrize(
    "payload",
    [None, "approve", 17, [1, [2]], {"decision": "approve", "who": CARLA}, {"__proto__": {}}, "x" * 100_000],
)
def test_hostile_event_decides_nothing(office: Open, payload: Any, over_http: bool) -> None:
    """Whatever an event brings: it costs one look into the ledger."""
    here = office(clerk())
    here.host.raise_event(APPROVAL, "decision.clerk.1", payload, over_http=over_http)
    status = here.status(APPROVAL)
    assert (status.runtime_status, status.custom_status["attempt"]) == ("Running", 2)
    assert here.kinds() == ["opened", "stage_opened"]
    here.decide(ANN, "approve")
    assert here.status().output["status"] == "booked"


def test_replaced_document_voids_the_approval(office: Open) -> None:
    """Nobody says yes to what they did not see; rejecting is possible still."""
    here = office(clerk())
    here.blobs.write(document_name(INVOICE), b"valid ACME 17 900.00")
    assert _refused(lambda: here.write(ANN, "approve")) == "document_changed"
    assert _refused(lambda: here.write(ANN, "reject", sha256="0" * 64)) == "document_changed"
    here.decide(ANN, "reject")
    assert here.status().output["status"] == "rejected"


def test_link_decides_once(office: Open) -> None:
    """After Ann's question her link is spent, even for another kind of decision."""
    here = office(clerk())
    here.decide(ANN, "ask", via="link", link_id="L1")
    assert _refused(lambda: here.write(ANN, "approve", via="link", link_id="L1")) == "link_used"
    here.decide(ANN, "approve", via="link", link_id="L2")
    assert here.status().output["status"] == "booked"


def test_queue_that_is_away_holds_nothing_up(office: Open) -> None:
    """The sending of the request could not be started: the stage waits, and the supervisor starts it."""
    here = Office(clerk())
    here.queue_fails = StorageUnavailable("send to queue: no answer")
    with here.at_work():
        here.bring()
        assert here.status(APPROVAL).custom_status["waiting_for"] == [ANN, BOB]
        assert here.queue == []
        here.queue_fails = None
        started = {case.instance for case in here.supervise(gone=True)}
        assert started == {f"digest-{one.slot.name}" for one in here.told if one.slot}
        here.host.advance(hours=1)
        assert {one.state for one in here.told} == {"sent"}
        here.decide(ANN, "approve")
        assert here.status().output["status"] == "booked"

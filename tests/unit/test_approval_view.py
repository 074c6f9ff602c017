"""One approval in words: who may do what, what happens next, and what happened."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from invoicing.approval import stages
from invoicing.approval.ledger import Draft
from invoicing.records.document import DocumentRow
from invoicing.records.ledger import EntryDetail
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.approvals_on_paper import ANN, BOB, CARLA, CLERK, NOON, add_entries, put_approval
from tests.unit.report_rows import finding, row
from usecases.approval_view import read_approval
from web.views import approval as words

MANAGEMENT: dict[str, Any] = {
    "name": "management",
    "approvers": [BOB, CARLA],
    "quorum": 2,
    "expire_after": "P7D",
}
NAMES = {ANN: "Ann Roth", BOB: "Bob Lang", CARLA: "Carla Weiss"}


def name(person: str) -> str:
    """The name of a person."""
    return NAMES.get(person, person)


def draft(kind: Any, who: str | None = None, stage: str = "clerk", **more: Any) -> Draft:
    """An entry an hour after noon."""
    return Draft(kind=kind, at=(NOON + timedelta(hours=1)).isoformat(), stage=stage, who=who, **more)


@pytest.fixture
def blobs() -> MemoryBlobs:
    """An empty container."""
    return MemoryBlobs()


def state(blobs: MemoryBlobs, *drafts: Draft, **more: Any) -> Any:
    """The state of a new approval after some entries."""
    approval = put_approval(blobs, row(), **more)
    add_entries(blobs, approval, *drafts)
    view = read_approval(blobs, approval)
    return stages.progress(view.request.stages, view.entries)


def may(of: Any, who: str, **more: Any) -> words.Choices:
    """What a person may do, with nobody away."""
    return words.choices(of, who=who, sender=more.pop("sender", None), stand_ins={}, **more)


def test_an_approver_may_decide_and_others_are_told_why_not(blobs: MemoryBlobs) -> None:
    """Without a sender nobody can be asked."""
    now = state(blobs)
    assert may(now, ANN).may == {"approve", "reject"}
    assert may(now, ANN, sender=CARLA).may == {"approve", "reject", "ask"}
    assert may(now, CARLA).may == frozenset()
    assert may(now, CARLA).refusal == "You are not one of the approvers of this stage."


def test_the_sender_may_answer_and_nothing_else(blobs: MemoryBlobs) -> None:
    """Once there is a question."""
    now = state(blobs, draft("ask", BOB, comment="For whom?"))
    assert may(now, CARLA, sender=CARLA).may == {"answer"}
    assert (
        may(state(MemoryBlobs()), ANN, sender=ANN).refusal
        == "You sent this invoice in: somebody else has to approve it."
    )


def test_a_link_is_for_one_purpose_and_one_stage(blobs: MemoryBlobs) -> None:
    """A link to decide offers no answer; one of a stage that is over says so."""
    now = state(blobs, draft("ask", BOB, comment="For whom?"))
    assert may(now, ANN, sender=CARLA, purpose="decide", link_id="x", stage="clerk").may == {
        "approve",
        "reject",
        "ask",
    }
    assert may(now, CARLA, sender=CARLA, purpose="answer", link_id="y", stage="clerk").may == {"answer"}
    over = state(blobs, draft("approve", ANN), stages=(CLERK, MANAGEMENT))
    refusal = may(over, BOB, purpose="decide", link_id="x", stage="clerk").refusal
    assert refusal == "This was decided before: it is approved."


def test_who_stands_in_sees_for_whom(blobs: MemoryBlobs) -> None:
    """The decision is made in somebody's place."""
    found = words.choices(state(blobs), who=CARLA, sender=None, stand_ins={ANN: (CARLA,)})
    assert (found.may, found.instead_of) == ({"approve", "reject"}, ANN)


def test_what_happens_next_in_the_last_stage(blobs: MemoryBlobs) -> None:
    """Booking, and what it means if nobody decides."""
    assert words.happens_next(state(blobs), name, NOON) == [
        "After approval the invoice is booked for the next payment.",
        "If it is rejected, it is not paid.",
        "Without a decision by 9 May 2026, 12:00 UTC (in 5 days), Carla Weiss can decide too.",
        "Without a decision by 18 May 2026, 12:00 UTC (in 14 days), it is rejected.",
    ]


def test_what_happens_next_before_another_stage(blobs: MemoryBlobs) -> None:
    """And how many more approvals are needed in one with a quorum."""
    first = words.happens_next(state(blobs, stages=(CLERK, MANAGEMENT)), name, NOON)
    assert first[0] == "After approval it goes to Bob Lang and Carla Weiss (stage management)."
    only = words.happens_next(state(blobs, stages=(MANAGEMENT,)), name, NOON)
    assert only[0] == "If you approve, 1 more approval is needed here."


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("approve", "The invoice is booked for the next payment."),
        ("reject", "The invoice is not paid. Who sent it in can send a corrected one."),
    ],
)
def test_after_the_end(blobs: MemoryBlobs, kind: str, text: str) -> None:
    """What became of it."""
    assert words.happens_next(state(blobs, draft(kind, ANN, comment="x")), name, NOON) == [text]


def test_the_history_names_people_places_and_ways(blobs: MemoryBlobs) -> None:
    """One sentence for each entry."""
    approval = put_approval(blobs, row(), sender=CARLA)
    add_entries(
        blobs,
        approval,
        draft("reminder", key="r"),
        draft("ask", BOB, comment="For whom?", via="link"),
        draft("answer", CARLA, comment="The office.", via="principal"),
        draft("approve", CARLA, on_behalf_of=ANN, via="dev"),
        draft("closed", detail=EntryDetail(outcome="approved")),
    )
    view = read_approval(blobs, approval)
    told = words.history(view.entries, view.request, name)
    assert [one.text for one in told] == [
        "Carla Weiss sent it in. Approval was asked for by the rule “everything”.",
        "The stage clerk began.",
        "A reminder was sent (stage clerk).",
        "Bob Lang asked a question.",
        "Carla Weiss answered.",
        "Carla Weiss approved in place of Ann Roth (stage clerk).",
        "Closed: approved.",
    ]
    assert (told[3].comment, told[3].how) == ("For whom?", "by the link in a message")


def test_stages_say_who_where_and_when(blobs: MemoryBlobs) -> None:
    """Open, done and to come. Bob is needed for the management, so as a clerk he is not asked."""
    approval = put_approval(blobs, row(), stages=(CLERK, MANAGEMENT))
    view = read_approval(blobs, approval)
    first, second = words.stages_shown(view.stages, view.waiting_for, name)
    assert (first.word, first.lines) == ("waits for a decision", ["Waits for Ann Roth."])
    assert (second.word, second.lines) == ("comes later", ["Then Bob Lang and Carla Weiss."])
    add_entries(blobs, approval, draft("approve", ANN))
    first = words.stages_shown(read_approval(blobs, approval).stages, (), name)[0]
    assert (first.word, first.mark, first.lines) == (
        "approved",
        "✓",
        ["By Ann Roth.", "4 May 2026, 13:00 UTC."],
    )


def test_what_was_done_is_proved_by_the_ledger(blobs: MemoryBlobs) -> None:
    """An address can say `done=3`; only who wrote entry 3 is thanked for it."""
    approval = put_approval(blobs, row())
    add_entries(blobs, approval, draft("approve", ANN))
    entries = read_approval(blobs, approval).entries
    assert words.done(entries, "3", ANN) == "You approved this invoice."
    assert words.done(entries, "3", BOB) is None
    assert words.done(entries, "2", ANN) is None
    assert words.done(entries, "x", ANN) is None


def test_findings_are_grouped_worst_first_and_in_plain_words() -> None:
    """An official text gets its sentence; our own are sentences already."""
    found = [
        finding("SETTLE-IBAN", "warning", "The IBAN is wrong.", "settle"),
        *[finding("BR-CO-15", "fatal", "[BR-CO-15] official", "en16931")] * 3,
    ]
    shown, more = words.findings(DocumentRow.model_validate(row(findings=found)).findings, most=1)
    assert (shown[0].rule, shown[0].times, more) == ("BR-CO-15", 3, 1)
    assert shown[0].plain == "The total with VAT is not the total without VAT plus the VAT."

"""What a ledger has to be told to whom, as a function of its entries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from invoicing.approval.ledger import Draft, Entry, chain
from invoicing.approval.policy import Stage
from invoicing.approval.tellings import Telling, tellings
from tests.fakes.ledger_keys import LEDGER_KEYS

ANN, BOB, CARLA, SUE = (f"{name}@example.com" for name in ("ann", "bob", "carla", "sue"))
BEGAN = datetime(2026, 5, 4, 12, tzinfo=UTC)
CLERK = Stage("clerk", (ANN, BOB), timedelta(days=14), quorum=2, escalate_to=(CARLA,))


def _ledger(*drafts: tuple[str, dict[str, Any]]) -> list[Entry]:
    """Entries an hour apart, after the opening of the ledger and of the stage."""
    entries: list[Entry] = []
    for kind, fields in [("opened", {}), ("stage_opened", {}), *drafts]:
        at = (BEGAN + timedelta(hours=len(entries))).isoformat()
        stage = None if kind in ("opened", "closed", "undone") else "clerk"
        draft = Draft(**{"kind": kind, "at": at, "stage": stage, **fields})
        entries.append(chain(draft, entries[-1] if entries else None, "0" * 64, LEDGER_KEYS))
    return entries


def _told(*drafts: tuple[str, dict[str, Any]], after: int = 2, **options: Any) -> list[Telling]:
    return tellings([CLERK], _ledger(*drafts), SUE, after=after, **options)


def _whom(found: list[Telling]) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.kind, one.to) for one in found]


def test_opened_stage_is_told_to_its_approvers() -> None:
    """With its end; who is away has a stand-in."""
    (asked,) = _told(after=0)
    assert (asked.seq, asked.kind, asked.stage, asked.to) == (2, "request", "clerk", (ANN, BOB))
    assert asked.deadline == BEGAN + timedelta(days=14, hours=1)
    (asked,) = _told(after=0, away={BOB: (CARLA,)})
    assert asked.to == (ANN, CARLA)


def test_what_was_told_before_is_not_told_again() -> None:
    """Only entries behind the number that is given count; the ones before decide who is left to tell."""
    approve = ("approve", {"who": ANN})
    reminder = ("reminder", {})
    assert _whom(_told(approve, reminder)) == [("reminder", (BOB,))]
    assert _whom(_told(approve, reminder, after=0)) == [("request", (ANN, BOB)), ("reminder", (BOB,))]
    assert _told(approve, reminder, after=4) == []


def test_question_and_answer_go_between_the_two() -> None:
    """With who said it and what; a question that was answered meanwhile is told all the same."""
    asked, answered = _told(
        ("ask", {"who": ANN, "comment": "Which?"}), ("answer", {"who": SUE, "comment": "4711"})
    )
    assert (asked.kind, asked.to, asked.author, asked.comment) == ("question", (SUE,), ANN, "Which?")
    assert (answered.kind, answered.to, answered.author, answered.comment) == ("answer", (ANN,), SUE, "4711")


def test_reminder_during_a_question_asks_the_sender_again() -> None:
    """With the same words: it is the sender whom everybody waits for, and whose link answers."""
    found = _told(("ask", {"who": ANN, "comment": "Which?"}), ("reminder", {}))
    assert [(one.seq, one.kind, one.to, one.comment) for one in found] == [
        (3, "question", (SUE,), "Which?"),
        (4, "question", (SUE,), "Which?"),
    ]


def test_escalation_during_a_question_is_told_to_who_may_decide_now() -> None:
    """The next in line would not know of it otherwise."""
    assert _whom(_told(("ask", {"who": ANN, "comment": "?"}), ("escalation", {})))[-1] == (
        "escalation",
        (ANN, BOB, CARLA),
    )


def test_end_of_the_time_is_told_to_who_let_it_pass() -> None:
    """And the end of it all to the sender."""
    expired, closed = _told(("approve", {"who": ANN}), ("expiry", {}), ("closed", {}))
    assert (expired.kind, expired.to) == ("expired", (BOB,))
    assert (closed.kind, closed.to, closed.outcome) == ("decided", (SUE,), "expired")


def test_end_of_the_first_term_is_an_escalation() -> None:
    """Where the policy says that the next in line get as much time again."""
    stage = Stage("clerk", (ANN,), timedelta(days=14), escalate_to=(CARLA,), on_expiry="escalate")
    found = tellings([stage], _ledger(("expiry", {})), SUE, after=2)
    assert _whom(found) == [("escalation", (ANN, CARLA))]
    assert found[0].deadline == BEGAN + timedelta(days=14, hours=2)


def test_decision_is_told_to_the_sender_once_all_is_over() -> None:
    """With who decided last and why; one approval of two is told to nobody."""
    assert _told(("approve", {"who": ANN})) == []
    (told,) = _told(
        ("approve", {"who": ANN}), ("reject", {"who": BOB, "comment": "No"}), ("closed", {}), ("undone", {})
    )
    assert (told.kind, told.to, told.author, told.comment) == ("decided", (SUE,), BOB, "No")
    assert told.outcome == "rejected"


def test_nobody_to_tell_is_no_telling() -> None:
    """It is not known who sent it in."""
    entries = _ledger(("ask", {"who": ANN, "comment": "?"}), ("reject", {"who": BOB}), ("closed", {}))
    assert _whom(tellings([CLERK], entries, None, after=2)) == []

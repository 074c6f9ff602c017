"""A worker process dies with any step of a message or a digest: each message goes out, and goes out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.channels import NotSent
from invoicing.approval import names
from invoicing.records.messages import StatedWish
from stores import outbox, wishes
from tests.orchestrators.approval_kit import ANN, BOB, DOCUMENT, SUE, Office, clerk

pytestmark = pytest.mark.usefixtures("quick_and_quiet")

REFS = tuple(names.invoice_id(str(n) * 64) for n in (1, 2, 3))
#: How often the mail server refuses each message before it takes it.
REFUSALS = 2


@contextmanager
def _office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """Ann wants digests and Bob each message by itself; the mail server refuses each message at first."""
    put = outbox.put
    refused: Counter[str] = Counter()

    def reluctant(*arguments: Any) -> None:
        message = arguments[1].id
        refused[message] += 1
        if refused[message] <= REFUSALS:
            raise NotSent("mail: ConnectionRefusedError")
        put(*arguments)

    with Office(clerk()).at_work() as here, monkeypatch.context() as patched:
        patched.setattr(outbox, "put", reluctant)
        wishes.state(
            here.blobs, StatedWish(who=BOB, messages="single", said=datetime(2026, 1, 1, tzinfo=UTC))
        )
        yield here


def _gather(here: Office) -> None:
    """Three invoices come in and one is decided: the messages are noted, none is sent."""
    for ref in REFS:
        here.bring(DOCUMENT.replace("17", ref[1]), ref=ref)
    here.decide(ANN, "approve", names.approval_id(REFS[0]))


def _send(here: Office) -> None:
    """The starts come, and time passes with the supervisor at work until nothing is left to do."""
    here.deliver()
    for _ in range(60):
        here.supervise()
        here.host.advance(seconds=40)


def _arrived(here: Office) -> list[tuple[str, str]]:
    """Person and kind of each line of each message that was sent."""
    messages = outbox.messages(here.blobs)[0].found
    return sorted((message.to, item.kind) for message in messages for item in message.items)


def _check(here: Office, place: str) -> None:
    """Bob was asked for what was open, Ann in one digest; the sender heard of the decision."""
    expected = [(ANN, "request")] * 2 + [(BOB, "request")] * 2 + [(SUE, "decided")]
    assert _arrived(here) == sorted(expected), place
    assert len(outbox.messages(here.blobs)[0].found) == 4, place
    assert Counter(notice.state for notice in here.told) == {"sent": 5, "obsolete": 2}, place
    failed = [run.name for run in here.host.instances() if run.runtime_status == "Failed"]
    assert failed == [], place


@pytest.mark.parametrize("when", ["before", "after", "half"])
def test_message_whose_step_is_lost_is_sent_once(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Each step in turn, of a digest or of a message that goes out alone, while the channel is down."""
    first, last = _steps(monkeypatch)
    for at in range(first, last + 1):
        with _office(monkeypatch) as here:
            _gather(here)
            here.host.lose_orchestrator(at, when)
            _send(here)
            _check(here, f"{when} step {at}")
    assert last - first > 20, "so few steps cannot be all"


def test_messages_whose_steps_are_lost_three_times_in_a_row_are_sent_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that was started again is lost too; the pauses between the starts grow, nothing else changes."""
    first, last = _steps(monkeypatch)
    for at in range(first, last + 1, 3):
        with _office(monkeypatch) as here:
            _gather(here)
            for number in range(3):
                here.host.lose_orchestrator(at + number, "after")
            _send(here)
            _check(here, f"steps {at} to {at + 2}")


def _steps(monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """The first and the last step of messages, where none is lost."""
    with _office(monkeypatch) as here:
        _gather(here)
        first = here.host.steps + 1
        _send(here)
        _check(here, "nothing lost")
        return first, here.host.steps

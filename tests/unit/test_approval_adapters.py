"""Ledgers in blobs, waking, and the sweep."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from invoicing.approval import names
from invoicing.approval.ledger import Draft
from invoicing.approval.policy import Stage
from invoicing.records.absence import Absence
from stores import absences, approval_names
from stores.blobs import BlobMissing, StorageUnavailable
from stores.ledgers import ApprovalMissing, Ledger
from tests.fakes.ledger_keys import LEDGER_KEYS
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.asked import asked
from usecases.approval_view import read_approval
from usecases.wake_approval import sweep, wake

APPROVAL = names.approval_id("i" + "1" * 24)
AT = "2026-05-01T10:00:00+00:00"
REQUEST = asked("i" + "1" * 24, Stage("clerk", ("ann@example.com",), timedelta(days=9)))


@pytest.fixture
def blobs() -> MemoryBlobs:
    """A storage with one approval that was opened."""
    memory = MemoryBlobs()
    memory.write(approval_names.request(APPROVAL), REQUEST.as_json())
    memory.write(approval_names.inbox(APPROVAL), b"{}", {"item": "{}"})
    _append(memory, Draft(kind="opened", at=AT, key="opened"))
    _append(memory, Draft(kind="stage_opened", at=AT, stage="clerk"))
    return memory


def _append(blobs: MemoryBlobs, draft: Draft) -> None:
    Ledger.read(blobs, APPROVAL).append(lambda entries: draft, LEDGER_KEYS)


def _approve(blobs: MemoryBlobs) -> None:
    _append(blobs, Draft(kind="approve", at=AT, stage="clerk", who="ann@example.com"))


def test_absence_that_ends_while_they_are_listed_is_left_out() -> None:
    """It was there when the names were listed, and is gone when it is read."""
    blobs = MemoryBlobs()
    for person in ("ann@example.com", "bob@example.com"):
        absence = Absence(person, "eva@example.com", datetime.fromisoformat(AT), datetime.fromisoformat(AT))
        absences.note(blobs, absence)

    def ends(verb: str, name: str) -> None:
        if (verb, name) == ("read", approval_names.absence("ann@example.com")):
            raise BlobMissing(name)

    blobs.fails = ends
    assert [one.who for one in absences.all_of(blobs).found] == ["bob@example.com"]


def test_missing_approval_is_told() -> None:
    """Whether the id is one of ours or not."""
    for approval in (APPROVAL, "../secrets", ""):
        with pytest.raises(ApprovalMissing):
            read_approval(MemoryBlobs(), approval)


def test_answer_that_got_lost_is_recognised(blobs: MemoryBlobs) -> None:
    """The entry was written, its answer was not heard, the client tried again: it is one entry."""
    ledger = Ledger.read(blobs, APPROVAL)
    reminder = Draft(kind="reminder", at=AT, stage="clerk")
    entry = Ledger.read(blobs, APPROVAL).append(lambda entries: reminder, LEDGER_KEYS)
    same = ledger.append(lambda entries: reminder, LEDGER_KEYS)
    assert same == entry
    assert len(blobs.names(approval_names.ledger(APPROVAL))) == 3


def test_writer_that_always_comes_second_gives_up_for_now(blobs: MemoryBlobs) -> None:
    """It is an outage like any other: the step is tried again later."""

    def overtake(verb: str, name: str) -> None:
        if verb == "create":
            blobs.fails, before = (lambda verb, name: None), blobs.fails
            _append(blobs, Draft(kind="reminder", at=AT, stage="clerk"))
            blobs.fails = before

    blobs.fails = overtake
    escalation = Draft(kind="escalation", at=AT, stage="clerk")
    with pytest.raises(StorageUnavailable, match="keep writing"):
        Ledger.read(blobs, APPROVAL).append(lambda entries: escalation, LEDGER_KEYS)


# ---------------------------------------------------------------- waking


class Client:
    """A durable client whose statuses are given one after the other; the last one stays."""

    def __init__(self, *statuses: Any) -> None:
        self.statuses = list(statuses)
        self.raised: list[str] = []

    async def get_status(self, instance_id: str) -> Any:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if isinstance(status, Exception):
            raise status
        return SimpleNamespace(custom_status=status)

    async def raise_event(self, instance_id: str, name: str, data: Any) -> None:
        self.raised.append(name)


def _waits(attempt: int, seen: int) -> str:
    """The SDK gives a custom status as JSON text."""
    return json.dumps({"stage": "clerk", "attempt": attempt, "seen": seen})


def _wake(client: Client, seq: int | None = 3) -> bool:
    return asyncio.run(wake(cast(Any, client), APPROVAL, seq))


def test_wake_raises_the_event_that_is_waited_for() -> None:
    """Once, where the workflow took it in."""
    client = Client(_waits(1, 2), _waits(2, 3))
    assert _wake(client)
    assert client.raised == ["decision.clerk.1"]


def test_wake_raises_again_where_the_wait_moved_on_without_reading_it() -> None:
    """Somebody else's event ended wait 1 at the same moment."""
    client = Client(_waits(1, 2), _waits(2, 2), _waits(2, 2), _waits(3, 3))
    assert _wake(client)
    assert client.raised == ["decision.clerk.1", "decision.clerk.2"]


def test_wake_of_what_was_read_already_raises_nothing() -> None:
    """A timer woke the workflow first."""
    client = Client(_waits(2, 3))
    assert _wake(client)
    assert client.raised == []


@pytest.mark.parametrize("status", [None, "", "no json", "{}", json.dumps({"stage": None}), "[1]"])
def test_wake_of_what_does_not_wait_says_so(status: Any) -> None:
    """It has ended, or its status is none of ours."""
    client = Client(status)
    assert not _wake(client)
    assert client.raised == []


def test_wake_that_fails_is_left_to_the_sweep() -> None:
    """The decision is in the ledger: whoever clicked gets no error."""
    assert not _wake(Client(OSError("no answer")))


def test_sweep_wakes_what_is_behind_and_nothing_else(blobs: MemoryBlobs) -> None:
    """A decision that was not taken in; what the workflow wrote itself needs no waking."""
    for draft, woken in ((None, []), ("reminder", []), ("approve", [APPROVAL])):
        if draft is not None:
            who = "ann@example.com" if draft == "approve" else None
            _append(blobs, Draft(kind=cast(Any, draft), at=AT, stage="clerk", who=who))
        client = Client(_waits(1, 2))
        assert asyncio.run(sweep(blobs, cast(Any, client))) == woken
        assert len(client.raised) == len(woken)


def test_sweep_goes_on_after_one_that_it_cannot_read(blobs: MemoryBlobs) -> None:
    """A broken ledger is no reason to leave the others asleep."""
    other = names.approval_id("i" + "2" * 24)
    blobs.write(approval_names.inbox(other), b"{}", {"item": "{}"})
    blobs.write(approval_names.entry(other, 3), b"broken")
    _approve(blobs)
    assert asyncio.run(sweep(blobs, cast(Any, Client(_waits(1, 2))))) == [APPROVAL]

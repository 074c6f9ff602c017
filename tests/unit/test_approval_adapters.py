"""Ledgers in blobs, the audit of all of them, waking, and the sweep."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from adapters import approvals, ledger_audit
from adapters.blobs import BlobMissing, StorageUnavailable
from adapters.ledgers import ApprovalMissing, Ledger
from invoicing.approval import names
from invoicing.approval.delegation import Delegation
from invoicing.approval.ledger import Draft
from tests.fakes.memory_blobs import MemoryBlobs
from triggers import timers

APPROVAL = names.approval_id("i" + "1" * 24)
AT = "2026-05-01T10:00:00+00:00"
REQUEST = {
    "approval": APPROVAL,
    "ref": "i" + "1" * 24,
    "sender": None,
    "stages": [{"name": "clerk", "approvers": ["ann@example.com"], "expire_after": "P9D"}],
}


@pytest.fixture
def blobs() -> MemoryBlobs:
    """A storage with one approval that was opened."""
    memory = MemoryBlobs()
    memory.write(names.request(APPROVAL), json.dumps(REQUEST).encode())
    memory.write(names.inbox(APPROVAL), b"{}", {"item": "{}"})
    _append(memory, Draft(kind="opened", at=AT, key="opened"))
    _append(memory, Draft(kind="stage_opened", at=AT, stage="clerk"))
    return memory


def _append(blobs: MemoryBlobs, draft: Draft) -> None:
    Ledger.read(blobs, APPROVAL).append(lambda entries: draft)


def _approve(blobs: MemoryBlobs) -> None:
    _append(blobs, Draft(kind="approve", at=AT, stage="clerk", who="ann@example.com"))


def _close(blobs: MemoryBlobs) -> None:
    _append(blobs, Draft(kind="closed", at=AT, detail={"outcome": "approved"}))
    blobs.delete(names.inbox(APPROVAL))


def test_absence_that_ends_while_they_are_listed_is_left_out() -> None:
    """It was there when the names were listed, and is gone when it is read."""
    blobs = MemoryBlobs()
    for person in ("ann@example.com", "bob@example.com"):
        absence = Delegation(
            person, "eva@example.com", datetime.fromisoformat(AT), datetime.fromisoformat(AT)
        )
        blobs.write(names.delegation(person), json.dumps(absence.as_dict()).encode())

    def ends(verb: str, name: str) -> None:
        if (verb, name) == ("read", names.delegation("ann@example.com")):
            raise BlobMissing(name)

    blobs.fails = ends
    assert [one.who for one in approvals.delegations(blobs)] == ["bob@example.com"]


def test_missing_approval_is_told() -> None:
    """Whether the id is one of ours or not."""
    for approval in (APPROVAL, "../secrets", ""):
        with pytest.raises(ApprovalMissing):
            approvals.read(MemoryBlobs(), approval)


def test_answer_that_got_lost_is_recognised(blobs: MemoryBlobs) -> None:
    """The entry was written, its answer was not heard, the client tried again: it is one entry."""
    ledger = Ledger.read(blobs, APPROVAL)
    entry = Ledger.read(blobs, APPROVAL).append(lambda entries: Draft(kind="reminder", at=AT, stage="clerk"))
    same = ledger.append(lambda entries: Draft(kind="reminder", at=AT, stage="clerk"))
    assert same == entry
    assert len(blobs.names(names.ledger(APPROVAL))) == 3


def test_writer_that_always_comes_second_gives_up_for_now(blobs: MemoryBlobs) -> None:
    """It is an outage like any other: the step is tried again later."""

    def overtake(verb: str, name: str) -> None:
        if verb == "create":
            blobs.fails, before = (lambda verb, name: None), blobs.fails
            _append(blobs, Draft(kind="reminder", at=AT, stage="clerk"))
            blobs.fails = before

    blobs.fails = overtake
    with pytest.raises(StorageUnavailable, match="keep writing"):
        Ledger.read(blobs, APPROVAL).append(lambda entries: Draft(kind="escalation", at=AT, stage="clerk"))


# ---------------------------------------------------------------- proof


def _flaws(blobs: MemoryBlobs) -> list[tuple[int, str]]:
    return [(proof.flaw.seq, proof.flaw.text) for proof in ledger_audit.audit(blobs) if proof.flaw]


def test_whole_storage_is_proved(blobs: MemoryBlobs) -> None:
    """An open approval, a closed one, and one that was only asked for."""
    assert _flaws(blobs) == []
    _approve(blobs)
    _close(blobs)
    other = names.approval_id("i" + "2" * 24)
    blobs.write(names.request(other), json.dumps(REQUEST).encode())
    assert [proof.entries for proof in ledger_audit.audit(blobs)] in ([4, 0], [0, 4])
    assert _flaws(blobs) == []


def test_altered_entry_is_named(blobs: MemoryBlobs) -> None:
    """The first one that is bad."""
    _approve(blobs)
    name = names.entry(APPROVAL, 3)
    blobs.write(name, blobs.read(name).replace(b"ann@", b"tom@"))
    ((seq, text),) = _flaws(blobs)
    assert (seq, "altered" in text) == (3, True)


def test_end_that_was_cut_off_is_found(blobs: MemoryBlobs) -> None:
    """A chain alone cannot tell: the approval left the inbox, yet no entry closes it."""
    _approve(blobs)
    _close(blobs)
    blobs.delete(names.entry(APPROVAL, 4))
    ((seq, text),) = _flaws(blobs)
    assert (seq, "end is missing" in text) == (4, True)


@pytest.mark.parametrize("head", ["0" * 64, None])
def test_payable_on_another_entry_is_found(blobs: MemoryBlobs, head: str | None) -> None:
    """A payable points to the entry that it was booked on, also where the ledger is gone as a whole."""
    _approve(blobs)
    _close(blobs)
    payable = {"approval": APPROVAL, "ledger": {"entries": 4, "head": head or "0" * 64}}
    blobs.write(names.payable(REQUEST["ref"]), json.dumps(payable).encode())
    if head is None:
        for name in blobs.names(names.APPROVALS):
            blobs.delete(name)
    ((_, text),) = _flaws(blobs)
    assert "payable" in text


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
    return asyncio.run(approvals.wake(cast(Any, client), APPROVAL, seq))


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
        assert asyncio.run(timers.sweep(blobs, cast(Any, client))) == woken
        assert len(client.raised) == len(woken)


def test_sweep_goes_on_after_one_that_it_cannot_read(blobs: MemoryBlobs) -> None:
    """A broken ledger is no reason to leave the others asleep."""
    other = names.approval_id("i" + "2" * 24)
    blobs.write(names.inbox(other), b"{}", {"item": "{}"})
    blobs.write(names.entry(other, 3), b"broken")
    _approve(blobs)
    assert asyncio.run(timers.sweep(blobs, cast(Any, Client(_waits(1, 2))))) == [APPROVAL]

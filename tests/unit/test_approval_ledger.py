"""The ledger: whatever is changed, removed, added or exchanged is found, at its first bad entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.approval import audit, ledger, names
from invoicing.approval.ledger import Draft, Entry, Flaw
from invoicing.approval.policy import Stage
from invoicing.records.ledger import EntryDetail
from tests.fakes.ledger_keys import LEDGER_KEYS as KEYS
from tests.unit.asked import asked

REF = "i" + "1" * 24
APPROVAL = names.approval_id(REF)
STAGE = Stage("clerk", ("ann@example.com", "bob@example.com"), timedelta(days=9), quorum=2)
REQUEST = asked(REF, STAGE, sender="sue@example.com").as_json()
AT = "2026-05-01T10:00:00+00:00"
DRAFTS = (
    Draft(kind="opened", at=AT, key="opened"),
    Draft(kind="stage_opened", at=AT, stage="clerk", key="stage_opened.clerk"),
    Draft(kind="approve", at=AT, stage="clerk", who="ann@example.com", comment="schön", link_id="L1"),
    Draft(kind="approve", at=AT, stage="clerk", who="eva@example.com", on_behalf_of="bob@example.com"),
    Draft(kind="closed", at=AT, detail=EntryDetail(outcome="approved")),
)


def _chain(*drafts: Draft, request: bytes = REQUEST) -> list[Entry]:
    entries: list[Entry] = []
    for draft in drafts:
        last = entries[-1] if entries else None
        entries.append(ledger.chain(draft, last, ledger.request_sha256(request), KEYS))
    return entries


def _verify(stored: list[tuple[int, bytes]], request: bytes = REQUEST) -> Flaw | None:
    return ledger.verify(request, stored, KEYS).flaw


def _prove(stored: list[tuple[int, bytes]]) -> Flaw | None:
    return audit.prove(APPROVAL, REQUEST, stored, KEYS).flaw


def _stored(entries: list[Entry]) -> list[tuple[int, bytes]]:
    return [(entry.seq, ledger.to_bytes(entry)) for entry in entries]


def test_whole_ledger_has_no_flaw() -> None:
    """Chain and decisions are proved; so is a ledger that was only begun, and an empty one."""
    for length in range(len(DRAFTS) + 1):
        stored = _stored(_chain(*DRAFTS[:length]))
        assert _verify(stored) is None
        assert _prove(stored) is None


def test_entry_survives_its_bytes() -> None:
    """What is read is what was written."""
    for entry in _chain(*DRAFTS):
        assert ledger.from_bytes(ledger.to_bytes(entry)) == entry


@given(st.integers(0, len(DRAFTS) - 1), st.data())
def test_any_changed_byte_is_found_at_its_entry(which: int, data: st.DataObject) -> None:
    """Even one that means the same to a JSON reader."""
    stored = _stored(_chain(*DRAFTS))
    seq, content = stored[which]
    at = data.draw(st.integers(0, len(content) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]))
    stored[which] = (seq, content[:at] + bytes([value]) + content[at + 1 :])
    flaw = _verify(stored)
    assert flaw is not None
    assert flaw.seq == which + 1


@given(st.integers(0, len(DRAFTS) - 2))
def test_removed_entry_is_found(which: int) -> None:
    """Its place in the row of numbers is empty."""
    stored = _stored(_chain(*DRAFTS))
    del stored[which]
    flaw = _verify(stored)
    assert flaw is not None
    assert (flaw.seq, "missing" in flaw.text) == (which + 1, True)


@given(st.integers(1, len(DRAFTS) - 1))
def test_entry_that_was_forged_with_its_hash_breaks_the_next_one(which: int) -> None:
    """Who alters an entry and its hash has to alter all that follow."""
    entries = _chain(*DRAFTS)
    before = entries[which - 1]
    last = entries[which - 2] if which > 1 else None
    root = ledger.request_sha256(REQUEST)
    forged = ledger.chain(replace(DRAFTS[which - 1], comment="forged"), last, root, KEYS)
    assert forged.hash != before.hash
    entries[which - 1] = forged
    flaw = _verify(_stored(entries))
    assert flaw is not None
    assert flaw.seq == which + 1


def test_changed_request_is_found() -> None:
    """Who was to approve what belongs to the proof."""
    flaw = _verify(_stored(_chain(*DRAFTS)), REQUEST.replace(b"ann", b"tom"))
    assert flaw is not None
    assert "the request" in flaw.text


def test_entry_after_the_end_is_found_unless_it_undoes() -> None:
    """Only that nothing came of it may follow the end."""
    late = Draft(kind="approve", at=AT, stage="clerk", who="bob@example.com")
    undone = Draft(kind="undone", at=AT, key="undone")
    assert _verify(_stored(_chain(*DRAFTS, undone))) is None
    flaw = _verify(_stored(_chain(*DRAFTS, late)))
    assert flaw is not None
    assert flaw.seq == 6


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"kind": "approve"}', b'{"kind":"x","at":"y","seq":1}']
)
def test_what_is_no_entry_is_found(data: bytes) -> None:
    """Whatever lies at an entry's place."""
    flaw = _verify([(1, data)])
    assert flaw is not None
    assert flaw.seq == 1


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("tom@example.com", "not_your_turn"),
        ("sue@example.com", "not_your_turn"),
        ("ann@example.com", "already_decided"),
    ],
)
def test_decision_of_somebody_who_was_not_allowed_is_found(who: str, why: str) -> None:
    """The chain is whole, since whoever wrote it knew how: the rules are not kept."""
    forged = Draft(kind="approve", at=AT, stage="clerk", who=who)
    stored = _stored(_chain(*DRAFTS[:3], forged))
    assert _verify(stored) is None
    flaw = _prove(stored)
    assert flaw is not None
    assert (flaw.seq, why in flaw.text) == (4, True)

"""A ledger: a chain of signed entries, each with the hash of the one before.

The first entry of an approval's ledger holds the hash of the request (what is to be approved, and by whom),
so the chain proves that too. An entry is written once and never changed: `verify` finds the first one that is
missing, altered, out of place or not signed by us. What was cut off at the end, or is gone as a whole, a
chain cannot tell: anchors do (`invoicing.approval.anchors`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from invoicing.approval.signing import Fault, LedgerKeys, Signature
from invoicing.records.ledger import EntryDetail

Kind = Literal[
    "opened",
    "stage_opened",
    "approve",
    "reject",
    "ask",
    "answer",
    "reminder",
    "escalation",
    "expiry",
    "closed",
    "booked",
    "undone",
    "asked",
    "reassigned",
]
"""`approve` to `answer` are people's decisions, `reassigned` an administrator's; the others are what the
workflow did. `asked`: people who may decide now and could not when the stage began."""

DECISIONS = frozenset({"approve", "reject", "ask", "answer"})
#: What people wrote, and the workflow has to take in.
BY_PEOPLE = DECISIONS | {"reassigned"}
#: What may follow the end of an approval.
_AFTERWARDS = frozenset({"booked", "undone"})
#: Bytes of one entry; the longest that we write is a tenth of it.
LONGEST_ENTRY = 1024 * 1024


# An entry as JSON has it, which is what is hashed: each field has a kind of its own.
_Plain = dict[str, Any]

NO_DETAIL = EntryDetail()


@dataclass(frozen=True)
class Draft:
    """An entry that has no place in the chain yet.

    `at`: ISO time in UTC. `who`: the person (None: the workflow). `on_behalf_of`: the approver in whose place
    `who` decided. `via`: how the person was known (`link`, `principal`, `dev`). `key`: makes an entry of
    the workflow recognisable, so that a repeated step does not write a second one.
    """

    kind: Kind
    at: str
    stage: str | None = None
    who: str | None = None
    on_behalf_of: str | None = None
    comment: str = ""
    sha256: str | None = None
    via: str | None = None
    link_id: str | None = None
    key: str | None = None
    detail: EntryDetail = NO_DETAIL


@dataclass(frozen=True)
class Entry(Draft):
    """An entry in its place.

    `seq` from 1. `previous` and `hash`: SHA-256 in hex. `signed_with`: the id of the key, None where there
    was none. `signature`: HMAC-SHA-256 of the hash in hex.
    """

    seq: int = 0
    previous: str = ""
    signed_with: str | None = None
    hash: str = ""
    signature: str = ""

    def as_plain(self) -> _Plain:
        """The JSON-able form, which is stored and hashed."""
        return {**_fields(self), "detail": self.detail.as_plain()}


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a ledger: at which entry, in words.

    `unknown_key`: the entry may be right, but the key of this id is needed to tell.
    """

    seq: int
    text: str
    unknown_key: str | None = None


@dataclass(frozen=True)
class Proven:
    """The entries of a ledger that are proved, and the first flaw (None: there are no others)."""

    entries: tuple[Entry, ...] = ()
    flaw: Flaw | None = None


_ENTRY = TypeAdapter(Entry)


class BadEntry(ValueError):
    """Bytes that are not an entry of a ledger."""


def chain(draft: Draft, last: Entry | None, root: str, keys: LedgerKeys) -> Entry:
    """Put a draft after the last entry and sign it; the first one follows `root` (a SHA-256 in hex)."""
    newest = keys.ids[0] if keys.ids else None
    entry = Entry(
        **_fields(draft),
        seq=last.seq + 1 if last else 1,
        previous=last.hash if last else root,
        signed_with=newest,
    )
    entry = replace(entry, hash=_hash(entry))
    return replace(entry, signature=keys.sign("entry", entry.hash).value)


def to_bytes(entry: Entry) -> bytes:
    """The bytes that are stored."""
    return _canonical(entry.as_plain())


def from_bytes(data: bytes) -> Entry:
    """Read an entry; its hash and its signature are not checked here. Raises BadEntry."""
    if len(data) > LONGEST_ENTRY:
        raise BadEntry(f"not an entry of a ledger: it has {len(data):,} bytes")
    try:
        entry = _ENTRY.validate_json(data, strict=True)
    except ValidationError as error:
        raise BadEntry(f"not an entry of a ledger: {_wrong_fields(error)}") from error
    try:
        datetime.fromisoformat(entry.at)
    except ValueError as error:
        raise BadEntry("not an entry of a ledger: at is no time") from error
    return entry


def _wrong_fields(error: ValidationError) -> str:
    """What is wrong in which field, without what is in it."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return ", ".join(f"{'.'.join(map(str, wrong['loc']))} {wrong['type']}".strip() for wrong in found[:3])


def _fields(draft: Draft) -> _Plain:
    """The fields of a draft or an entry by their names; none of them is copied."""
    return {field.name: getattr(draft, field.name) for field in fields(draft)}


def verify(request: bytes, stored: Iterable[tuple[int, bytes]], keys: LedgerKeys) -> Proven:
    """Prove the chain of an approval's ledger, from its opening to its end.

    `stored` has number (from the blob's name) and bytes of each entry, in order. What comes after the first
    flaw is not asked for: it may be of any size.
    """
    found = verify_chain(request_sha256(request), stored, keys)
    closed = False
    undone = False
    for place, entry in enumerate(found.entries, 1):
        if (entry.kind == "opened") != (place == 1):
            text = f"entry {place} is out of place: an approval is opened once, at the beginning"
        elif undone or (closed and entry.kind not in _AFTERWARDS):
            text = f"entry {place} came after the approval was {'undone' if undone else 'closed'}"
        elif entry.kind == "booked" and not closed:
            text = f"entry {place} books what was not closed"
        else:
            closed = closed or entry.kind == "closed"
            undone = undone or entry.kind == "undone"
            continue
        return Proven(found.entries[: place - 1], Flaw(place, text))
    return found


def verify_chain(root: str, stored: Iterable[tuple[int, bytes]], keys: LedgerKeys) -> Proven:
    """Prove that entries follow `root` and each other, and that each was signed with one of the keys."""
    entries: list[Entry] = []
    previous = root
    for place, (seq, data) in enumerate(stored, 1):
        if seq != place:
            return Proven(tuple(entries), Flaw(place, f"entry {place} is missing"))
        try:
            entry = from_bytes(data)
        except BadEntry as error:
            return Proven(tuple(entries), Flaw(place, str(error)))
        flaw = _flaw(entry, data, place, previous, keys)
        if flaw is not None:
            return Proven(tuple(entries), flaw)
        entries.append(entry)
        previous = entry.hash
    return Proven(tuple(entries))


def _flaw(entry: Entry, data: bytes, place: int, previous: str, keys: LedgerKeys) -> Flaw | None:
    altered = _altered(entry, data, place)
    if altered is None and entry.previous != previous:
        before = f"entry {place - 1}" if place > 1 else "the request"
        altered = Flaw(place, f"entry {place} does not follow {before}: one of the two was altered")
    return altered or _unsigned(entry, place, keys)


def own_flaw(entry: Entry, data: bytes, place: int, keys: LedgerKeys) -> Flaw | None:
    """Say what is wrong with an entry in itself, whatever comes before it."""
    return _altered(entry, data, place) or _unsigned(entry, place, keys)


def _altered(entry: Entry, data: bytes, place: int) -> Flaw | None:
    if entry.hash != _hash(entry) or data != to_bytes(entry):
        return Flaw(place, f"entry {place} was altered: its hash does not match what it says")
    if entry.seq != place:
        return Flaw(place, f"entry {place} says that it is entry {entry.seq}")
    return None


def _unsigned(entry: Entry, place: int, keys: LedgerKeys) -> Flaw | None:
    fault = signature_fault(entry, keys)
    return Flaw(place, f"entry {place}: {fault.text}", fault.unknown_key) if fault else None


def signature_fault(entry: Entry, keys: LedgerKeys) -> Fault | None:
    """Say why the signature of an entry does not count; None where it does."""
    return keys.fault("entry", entry.hash, Signature(entry.signed_with, entry.signature))


def request_sha256(request: bytes) -> str:
    """What the first entry of an approval is chained to."""
    return hashlib.sha256(request).hexdigest()


def _hash(entry: Entry) -> str:
    hashed = entry.as_plain()
    del hashed["hash"]
    del hashed["signature"]
    return hashlib.sha256(_canonical(hashed)).hexdigest()


def _canonical(value: _Plain) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

"""The ledger of an approval: a chain of entries, each with the hash of the one before.

The first entry holds the hash of the request (what is to be approved, and by whom), so the chain proves that
too. An entry is written once and never changed: `verify` finds the first one that is missing, altered or out
of place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

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
    "undone",
]
"""`approve` to `answer` are people's decisions; the others are what the workflow did."""

DECISIONS = frozenset({"approve", "reject", "ask", "answer"})
_KINDS = frozenset(get_args(Kind))


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
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry(Draft):
    """An entry in its place: `seq` from 1, `previous` and `hash` as SHA-256 in hex."""

    seq: int = 0
    previous: str = ""
    hash: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a ledger: at which entry, in words."""

    seq: int
    text: str


class BadEntry(ValueError):
    """Bytes that are not an entry of a ledger."""


def chain(draft: Draft, last: Entry | None, request_sha256: str) -> Entry:
    """Put a draft after the last entry; the first one follows the request."""
    entry = Entry(
        **asdict(draft),
        seq=last.seq + 1 if last else 1,
        previous=last.hash if last else request_sha256,
    )
    return replace(entry, hash=_hash(entry))


def to_bytes(entry: Entry) -> bytes:
    """The bytes that are stored."""
    return _canonical(entry.as_dict())


def from_bytes(data: bytes) -> Entry:
    """Read an entry; its hash is not checked here. Raises BadEntry."""
    try:
        entry = Entry(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise BadEntry(f"not an entry of a ledger: {error}") from error
    if entry.kind not in _KINDS or not isinstance(entry.seq, int) or not isinstance(entry.at, str):
        raise BadEntry("not an entry of a ledger: a field has a value of another kind")
    return entry


def verify(request: bytes, stored: Sequence[tuple[int, bytes]]) -> Flaw | None:
    """Prove a ledger: returns the first flaw, None where there is none.

    `stored` has number (from the blob's name) and bytes of each entry, in order.
    """
    previous, closed = hashlib.sha256(request).hexdigest(), False
    for place, (seq, data) in enumerate(stored, 1):
        if seq != place:
            return Flaw(place, f"entry {place} is missing")
        try:
            entry = from_bytes(data)
        except BadEntry as error:
            return Flaw(place, str(error))
        flaw = _flaw(entry, data, place, previous)
        if flaw or (closed and entry.kind != "undone"):
            return Flaw(place, flaw or f"entry {place} came after the approval was closed")
        previous, closed = entry.hash, closed or entry.kind == "closed"
    return None


def _flaw(entry: Entry, data: bytes, place: int, previous: str) -> str | None:
    if entry.hash != _hash(entry) or data != to_bytes(entry):
        return f"entry {place} was altered: its hash does not match what it says"
    if entry.seq != place:
        return f"entry {place} says that it is entry {entry.seq}"
    if entry.previous != previous:
        before = f"entry {place - 1}" if place > 1 else "the request"
        return f"entry {place} does not follow {before}: one of the two was altered"
    if (entry.kind == "opened") != (place == 1):
        return f"entry {place} is out of place: an approval is opened once, at the beginning"
    return None


def request_sha256(request: bytes) -> str:
    """What the first entry is chained to."""
    return hashlib.sha256(request).hexdigest()


def _hash(entry: Entry) -> str:
    said = entry.as_dict()
    del said["hash"]
    return hashlib.sha256(_canonical(said)).hexdigest()


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

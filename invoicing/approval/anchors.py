"""An anchor: length and last hash of every ledger at one moment; signed, and chained to the one before.

What was cut off a ledger later, or is gone as a whole, is found against it. It is a file that can be kept
elsewhere: lines of JSON, compressed with gzip.

    {"anchor": 1, "number": 2, "day": "2026-05-05", "at": ..., "kind": "daily", "former": {...} or null}
    {"entries": 5, "hash": ..., "ledger": "a..."}        one line for each ledger, in the order of their ids
    {"entries": 27, "ledgers": 6, "sha256": ..., "signed_with": ..., "signature": ...}

The last line has the SHA-256 of all lines before, and signs it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import IO, Any, Literal

from invoicing.approval.ledger import Entry, Flaw
from invoicing.approval.signing import LedgerKeys, Signature

VERSION = 1
#: Bytes of an anchor's file; 100,000 ledgers take 7 MB.
LARGEST_FILE = 2**28
#: Bytes of one line, and of all lines of an anchor; 100,000 ledgers take 12 MB.
_LONGEST_LINE, _MOST_BYTES = 1000, 2**30
#: Hashes do not get smaller by packing: an anchor of ours unpacks to about twice its size. What unpacks to
#: more than so many times its size, and some bytes for a small one, is none.
_MOST_TIMES, _ALWAYS_ALLOWED = 16, 2**16

# What reading a file of any content may end in.
_UNREADABLE = (
    *(OSError, EOFError, zlib.error),
    *(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError),
)

Kind = Literal["daily", "export"]


class BadAnchor(ValueError):
    """A file that is no anchor of ours; `unknown_key`: the id of the key that would be needed to tell."""

    def __init__(self, text: str, unknown_key: str | None = None) -> None:
        super().__init__(text)
        self.unknown_key = unknown_key


# A line of an anchor's file as JSON: it may come from anywhere, and is checked field by field.
_Line = dict[str, Any]


@dataclass(frozen=True)
class Former:
    """The anchor before: its number, its day ("" where it could not be read), the SHA-256 of its file."""

    number: int
    day: str
    sha256: str


@dataclass(frozen=True)
class Header:
    """Which anchor it is.

    `number` from 1. `day` and `at`: in UTC, by the clock of who made it. `kind`: `daily` ones are kept in the
    storage; an `export` was made when somebody proved the ledgers, and is kept by them alone.
    """

    number: int
    day: str
    at: str
    kind: Kind
    former: Former | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A ledger at that moment: how many entries it had, and the hash of the last."""

    ledger: str
    entries: int
    hash: str


@dataclass(frozen=True)
class Anchor:
    """An anchor that was read, and its signature counts; `sha256` and `size` (bytes) are its file's."""

    header: Header
    ledgers: int
    entries: int
    sha256: str
    size: int
    signed_with: str | None
    heads: Mapping[str, Head] = field(default_factory=dict[str, Head], repr=False)

    @property
    def name(self) -> str:
        """What people are told: `anchor 2 of 2026-05-05`."""
        return f"anchor {self.header.number} of {self.header.day}"


@dataclass(frozen=True, slots=True)
class Anchored:
    """What one anchor says of a ledger."""

    anchor: str
    entries: int
    hash: str


def write(target: IO[bytes], header: Header, heads: Iterable[Head], keys: LedgerKeys) -> None:
    """Write an anchor; `heads` come in the order of their ids. The same content gives the same bytes."""
    digest = hashlib.sha256()
    ledgers = entries = 0
    with gzip.GzipFile(filename="", mode="wb", fileobj=target, mtime=0) as packed:

        def put(value: _Line) -> None:
            line = _line(value)
            digest.update(line)
            packed.write(line)

        put({"anchor": VERSION, **asdict(header)})
        for head in heads:
            put(asdict(head))
            ledgers += 1
            entries += head.entries
        total = {"ledgers": ledgers, "entries": entries, "sha256": digest.hexdigest()}
        signature = keys.sign("anchor", _line(total).decode())
        packed.write(_line({**total, "signed_with": signature.key, "signature": signature.value}))


def read(source: IO[bytes], keys: LedgerKeys, *, with_heads: bool = True) -> Anchor:
    """Read an anchor from the beginning of its file, and prove it. Raises BadAnchor.

    It is read twice: what it says of ledgers is kept in memory only after its signature was found right.
    `with_heads`: whether that is wanted at all.
    """
    sha256, size = file_sha256(source)
    try:
        anchor = _proved(_lines(source, size), keys, sha256, size)
        if not with_heads:
            return anchor
        source.seek(0)
        return replace(anchor, heads={head.ledger: head for head in _heads(_lines(source, size))})
    except BadAnchor:
        raise
    except _UNREADABLE as error:
        raise BadAnchor(f"it is no anchor: {type(error).__name__}") from error


def file_sha256(source: IO[bytes]) -> tuple[str, int]:
    """SHA-256 and size in bytes of a file; it stands at its beginning again afterwards."""
    digest = hashlib.sha256()
    size = 0
    source.seek(0)
    while block := source.read(2**20):
        digest.update(block)
        size += len(block)
    source.seek(0)
    return digest.hexdigest(), size


def check_anchored(entries: int, hashes: Mapping[int, str], anchored: Iterable[Anchored]) -> Flaw | None:
    """Hold a ledger against what anchors say of it; returns its first flaw.

    `entries`: how many it has. `hashes`: those of the entries that are proved, by number.
    """
    flaws: list[Flaw] = []
    for known in anchored:
        if entries < known.entries:
            place = entries + 1
            text = f"entry {place} is missing: the {known.anchor} knew {known.entries} entries"
            flaws.append(Flaw(place, text))
        elif known.entries in hashes and hashes[known.entries] != known.hash:
            text = f"entry {known.entries} is another one than the {known.anchor} knew"
            flaws.append(Flaw(known.entries, text))
    return min(flaws, key=lambda flaw: flaw.seq, default=None)


def head_of(ledger: str, entries: Iterable[Entry]) -> Head | None:
    """The head of a ledger; None where it has no entry."""
    found = None
    for entry in entries:
        found = Head(ledger, entry.seq, entry.hash)
    return found


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _lines(source: IO[bytes], size: int) -> Iterator[bytes]:
    total = 0
    most = min(_MOST_BYTES, size * _MOST_TIMES + _ALWAYS_ALLOWED)
    with gzip.GzipFile(fileobj=source, mode="rb") as packed:
        while line := packed.readline(_LONGEST_LINE + 1):
            total += len(line)
            if len(line) > _LONGEST_LINE or total > most:
                raise BadAnchor("it is no anchor: it is longer than one can be")
            yield line


def _proved(lines: Iterator[bytes], keys: LedgerKeys, sha256: str, size: int) -> Anchor:
    digest = hashlib.sha256()
    first = next(lines, b"")
    digest.update(first)
    header = _header(json.loads(first))
    before = ""
    entries = 0
    for ledgers, line in enumerate(lines):
        value = json.loads(line)
        if "ledger" not in value:
            signed_with = _proven(value, ledgers, entries, digest.hexdigest(), keys)
            if next(lines, b""):
                raise BadAnchor("it was altered: something follows its end")
            return Anchor(header, ledgers, entries, sha256, size, signed_with)
        digest.update(line)
        head = _head(value)
        if head.ledger <= before:
            raise BadAnchor("it was altered: its ledgers are not in order")
        before = head.ledger
        entries += head.entries
    raise BadAnchor("it was cut off: its end is missing")


def _heads(lines: Iterator[bytes]) -> Iterator[Head]:
    next(lines)
    for line in lines:
        value = json.loads(line)
        if "ledger" in value:
            yield _head(value)


def _head(value: _Line) -> Head:
    return Head(str(value["ledger"]), int(value["entries"]), str(value["hash"]))


def _header(value: _Line) -> Header:
    if value.get("anchor") != VERSION:
        raise BadAnchor("it is no anchor of a kind that is known here")
    former = value["former"]
    texts = (value["day"], value["at"], value["kind"])
    if not all(isinstance(text, str) for text in texts) or value["kind"] not in ("daily", "export"):
        raise BadAnchor("it is no anchor: a field has a value of another kind")
    return Header(
        number=int(value["number"]),
        day=value["day"],
        at=value["at"],
        kind=value["kind"],
        former=Former(int(former["number"]), str(former["day"]), str(former["sha256"])) if former else None,
    )


def _proven(value: _Line, ledgers: int, entries: int, sha256: str, keys: LedgerKeys) -> str | None:
    """The id of the key that signed. Raises BadAnchor where the last line is not right."""
    total = {"ledgers": ledgers, "entries": entries, "sha256": sha256}
    if {name: value.get(name) for name in total} != total:
        raise BadAnchor("it was altered: its end does not match what it says")
    signature = Signature(value["signed_with"], value["signature"])
    fault = keys.fault("anchor", _line(total).decode(), signature)
    if fault is not None:
        raise BadAnchor(fault.text, fault.unknown_key)
    return signature.key

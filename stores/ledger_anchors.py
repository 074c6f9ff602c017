"""Anchors in blobs: `anchors/000001.ndjson.gz` and so on, each written once and chained to the one before.

The number, and not the day, is the name: where a clock jumps, the chain stays one chain, and a number that is
missing is seen.
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import IO

from invoicing.approval import names
from invoicing.approval.anchors import (
    LARGEST_FILE,
    Anchor,
    BadAnchor,
    Former,
    Head,
    Header,
    file_sha256,
    read,
    write,
)
from invoicing.approval.ledger import LONGEST_ENTRY, BadEntry, Entry, from_bytes, own_flaw
from invoicing.approval.signing import LedgerKeys
from stores import approval_names
from stores.blobs import BlobConflict, BlobMissing, Blobs, StorageUnavailable

# Parts of the listing of all ledgers that are fetched at the same time; ids begin with 16 digits evenly.
_SHARDS = tuple(
    f"{prefix}{digit:x}"
    for prefix in (
        f"{approval_names.APPROVALS}a",
        f"{approval_names.BOOKINGS}b",
        f"{approval_names.BOOKINGS}i",
    )
    for digit in range(16)
)
_AT_ONCE, _WINDOW = 8, 256
# Of writers at the same time one is first; the others see its anchor then.
_TRIES = 5
# Bytes of an anchor that are kept in memory; a larger one goes to a file.
_IN_MEMORY = 16 * 2**20


def numbers(blobs: Blobs) -> list[int]:
    """The numbers of the anchors that there are."""
    found = (
        approval_names.number_of(blob.name)
        for blob in blobs.list(approval_names.ANCHORS)
        if _is_anchor(blob.name)
    )
    return sorted(number for number in found if number)


def load(blobs: Blobs, number: int) -> IO[bytes]:
    """The file of an anchor. Raises BlobMissing, and BadAnchor where it is too large to be one."""
    if blobs.size(approval_names.anchor(number)) > LARGEST_FILE:
        raise BadAnchor("it is no anchor: it is larger than one can be")
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the caller closes it
    try:
        blobs.read_into(approval_names.anchor(number), file)  # type: ignore[arg-type]
    except BaseException:
        file.close()
        raise
    return file  # type: ignore[return-value]


def take(blobs: Blobs, keys: LedgerKeys, now: datetime) -> int | None:
    """Write the anchor of a day, unless there is one; returns its number, None where nothing was written.

    Nothing is written either where there is no ledger yet. `now` is a moment in UTC. Raises BadAnchor where
    somebody planted one that none can follow.
    """
    for _ in range(_TRIES):
        last = max(numbers(blobs), default=0)
        if not _is_anchor(approval_names.anchor(last + 1)):
            raise BadAnchor(f"anchor {last} cannot be followed, and is none of ours: it has to be removed")
        former: Former | None = None
        former_heads: Mapping[str, Head] = {}
        if last:
            former, former_heads = _former(blobs, last, keys)
        day = now.date().isoformat()
        if former is not None and former.day == day:
            return None
        heads = current_heads(blobs, former_heads, keys)
        if not heads:
            return None
        file = io.BytesIO()
        header = Header(last + 1, day, now.isoformat(), "daily", former)
        write(file, header, (heads[ledger] for ledger in sorted(heads)), keys)
        try:
            blobs.create(approval_names.anchor(last + 1), file.getvalue())
        except BlobConflict:
            continue  # another run was quicker, or the answer to this one was lost
        return last + 1
    raise StorageUnavailable(f"{approval_names.ANCHORS}: others keep writing it; trying again later")


def current_heads(blobs: Blobs, former: Mapping[str, Head], keys: LedgerKeys) -> dict[str, Head]:
    """The head of each ledger.

    A ledger that is not longer than `former` says is not read again. One that is shorter, or gone, or does
    not go on from what was known of it, keeps that: it is how the loss is found later.
    """
    heads = dict(former)
    lost = set(former)
    reader = _Reader(blobs, keys)

    def lengths_of(shard: str) -> dict[str, int]:
        return _lengths(blobs, shard)

    def head_of(grown: tuple[str, int]) -> Head | None:
        ledger, entries = grown
        return reader.head(ledger, entries, former.get(ledger))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for lengths in pool.map(lengths_of, _SHARDS):
            lost -= {ledger for ledger, entries in lengths.items() if entries >= _known(former, ledger)}
            grown = ((name, n) for name, n in lengths.items() if n > _known(former, name))
            while some := list(islice(grown, _WINDOW)):
                for head in pool.map(head_of, some):
                    if head is not None:
                        heads[head.ledger] = head
    if lost:
        logging.error(
            "%d ledgers are gone or shorter than they were, the first is %s: proof is needed",
            len(lost),
            min(lost),
        )
    return heads


def _known(former: Mapping[str, Head], ledger: str) -> int:
    return former[ledger].entries if ledger in former else 0


def _lengths(blobs: Blobs, shard: str) -> dict[str, int]:
    """How many entries each ledger below a prefix has, up to the first that is missing."""
    found: dict[str, int] = {}
    for blob in blobs.list(shard):
        ledger = blob.name.partition("/")[2].partition("/")[0]
        number = approval_names.number_of(blob.name)
        is_next = number == found.get(ledger, 0) + 1
        if is_next and is_ours(ledger) and blob.name == approval_names.numbered(prefix_of(ledger), number):
            found[ledger] = number
    return found


@dataclass(frozen=True)
class _Reader:
    """Reads heads, and lets into an anchor only what was signed: anything else may be taken away again."""

    blobs: Blobs
    keys: LedgerKeys

    def head(self, ledger: str, entries: int, known: Head | None) -> Head | None:
        """The head of a ledger that has grown; None where its end is not ours, or follows something else."""
        if known is not None:
            before = self._entry(ledger, known.entries)
            if before is None or before.hash != known.hash:
                logging.error("ledger %s is another one than it was: proof is needed", ledger)
                return None
        last = self._entry(ledger, entries)
        return Head(ledger, entries, last.hash) if last else None

    def _entry(self, ledger: str, number: int) -> Entry | None:
        """An entry that is right in itself; None for any other. One of an unknown key may be right."""
        try:
            data = self.blobs.read_range(
                approval_names.numbered(prefix_of(ledger), number), 0, LONGEST_ENTRY + 1
            )
            entry = from_bytes(data)
            flaw = own_flaw(entry, data, number, self.keys)
            if flaw is None or flaw.unknown_key is not None:
                return entry
            reason = flaw.text
        except (BadEntry, BlobMissing) as error:
            reason = str(error)
        logging.error("ledger %s, entry %d: %s: proof is needed", ledger, number, reason)
        return None


def is_ours(ledger: str) -> bool:
    """Say whether a name is one that ledgers of ours have."""
    return names.is_approval_id(ledger) or names.is_booking_unit(ledger)


def prefix_of(ledger: str) -> str:
    """Where the entries of a ledger are."""
    return approval_names.ledger(ledger) if names.is_approval_id(ledger) else approval_names.bookings(ledger)


def _former(blobs: Blobs, number: int, keys: LedgerKeys) -> tuple[Former | None, Mapping[str, Head]]:
    """The anchor that the next one follows, and what it says; one that was altered is followed as well."""
    sha256 = ""
    try:
        with load(blobs, number) as file:
            sha256 = file_sha256(file)[0]
            anchor = read(file, keys)
    except BadAnchor as error:
        logging.error("anchor %d: %s: proof is needed", number, error)
        return Former(number, "", sha256), {}
    return Former(number, anchor.header.day, anchor.sha256), anchor.heads


def newest(blobs: Blobs, keys: LedgerKeys) -> Anchor | None:
    """The newest anchor; None where there is none. Raises BadAnchor."""
    last = max(numbers(blobs), default=0)
    if not last:
        return None
    with load(blobs, last) as file:
        return read(file, keys)


def _is_anchor(name: str) -> bool:
    """Say whether a name is one that anchors have: a number of one form, and not too many digits."""
    return name == approval_names.anchor(approval_names.number_of(name))

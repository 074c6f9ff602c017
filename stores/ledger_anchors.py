"""Anchors in blobs: `anchors/000001.ndjson.gz` and so on, each written once and chained to the one before.

The number, and not the day, is the name: where a clock jumps, the chain stays one chain, and a number that is
missing is seen.
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import IO

from invoicing.approval import names
from invoicing.approval.anchors import Anchor, BadAnchor, Former, Head, Header, file_sha256, read, write
from invoicing.approval.ledger import BadEntry, from_bytes
from invoicing.approval.signing import LedgerKeys
from stores.blobs import BlobConflict, BlobMissing, Blobs

# Parts of the listing of all ledgers that are fetched at the same time; ids begin with 16 digits evenly.
_SHARDS = tuple(
    f"{prefix}{digit:x}"
    for prefix in (f"{names.APPROVALS}a", f"{names.BOOKINGS}b", f"{names.BOOKINGS}i")
    for digit in range(16)
)
_AT_ONCE, _WINDOW = 8, 256
# Of writers at the same time one is first; the others see its anchor then.
_TRIES = 5
# Bytes of an anchor that are kept in memory; a larger one goes to a file.
_IN_MEMORY = 16 * 2**20


def numbers(blobs: Blobs) -> list[int]:
    """The numbers of the anchors that there are."""
    found = (names.number_of(blob.name) for blob in blobs.list(names.ANCHORS) if _is_anchor(blob.name))
    return sorted(number for number in found if number)


def load(blobs: Blobs, number: int) -> IO[bytes]:
    """The file of an anchor. Raises BlobMissing."""
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the caller closes it
    try:
        blobs.read_into(names.anchor(number), file)  # type: ignore[arg-type]
    except BaseException:
        file.close()
        raise
    return file  # type: ignore[return-value]


def take(blobs: Blobs, keys: LedgerKeys, now: datetime) -> int | None:
    """Write the anchor of a day, unless there is one; returns its number, None where nothing was written.

    Nothing is written either where there is no ledger yet. `now` is a moment in UTC.
    """
    for _ in range(_TRIES):
        last = max(numbers(blobs), default=0)
        former, former_heads = _former(blobs, last, keys) if last else (None, {})
        day = now.date().isoformat()
        if former is not None and former.day == day:
            return None
        heads = current_heads(blobs, former_heads)
        if not heads:
            return None
        file = io.BytesIO()
        header = Header(last + 1, day, now.isoformat(), "daily", former)
        write(file, header, (heads[ledger] for ledger in sorted(heads)), keys)
        try:
            blobs.create(names.anchor(last + 1), file.getvalue())
        except BlobConflict:
            continue  # another run was quicker, or the answer to this one was lost
        return last + 1
    return None


def current_heads(blobs: Blobs, former: Mapping[str, Head]) -> dict[str, Head]:
    """The head of each ledger.

    A ledger that is not longer than `former` says is not read again. One that is shorter, or gone, keeps what
    was known of it: that is how the loss is found later.
    """
    heads = dict(former)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for lengths in pool.map(lambda shard: _lengths(blobs, shard), _SHARDS):
            grown = _grown(lengths, heads)
            while some := list(islice(grown, _WINDOW)):
                for head in pool.map(lambda one: _head(blobs, *one), some):
                    if head is not None:
                        heads[head.ledger] = head
    return heads


def _grown(lengths: Mapping[str, int], heads: Mapping[str, Head]) -> Iterator[tuple[str, int]]:
    for ledger, entries in lengths.items():
        known = heads[ledger].entries if ledger in heads else 0
        if entries > known:
            yield ledger, entries
        elif entries < known:
            logging.error("ledger %s has %d entries and had %d: proof is needed", ledger, entries, known)


def _lengths(blobs: Blobs, shard: str) -> dict[str, int]:
    """How many entries each ledger below a prefix has, by the number of the last."""
    found: dict[str, int] = {}
    for blob in blobs.list(shard):
        ledger, _, rest = blob.name.partition("/")[2].partition("/")
        if blob.name.startswith(names.APPROVALS) and not rest.startswith("ledger/"):
            continue
        found[ledger] = max(found.get(ledger, 0), names.number_of(blob.name))
    return found


def _head(blobs: Blobs, ledger: str, entries: int) -> Head | None:
    try:
        entry = from_bytes(blobs.read(names.numbered(prefix_of(ledger), entries)))
    except (BadEntry, BlobMissing) as error:
        logging.error("ledger %s, entry %d: %s: proof is needed", ledger, entries, error)
        return None
    return Head(ledger, entries, entry.hash)


def prefix_of(ledger: str) -> str:
    """Where the entries of a ledger are."""
    return names.ledger(ledger) if names.is_approval_id(ledger) else names.bookings(ledger)


def _former(blobs: Blobs, number: int, keys: LedgerKeys) -> tuple[Former | None, Mapping[str, Head]]:
    """The anchor that the next one follows, and what it says; one that was altered is followed as well."""
    with load(blobs, number) as file:
        try:
            anchor = read(file, keys)
        except BadAnchor as error:
            logging.error("anchor %d: %s: proof is needed", number, error)
            return Former(number, "", file_sha256(file)[0]), {}
    return Former(number, anchor.header.day, anchor.sha256), anchor.heads


def newest(blobs: Blobs, keys: LedgerKeys) -> Anchor | None:
    """The newest anchor; None where there is none. Raises BadAnchor."""
    last = max(numbers(blobs), default=0)
    if not last:
        return None
    with load(blobs, last) as file:
        return read(file, keys)


def _is_anchor(name: str) -> bool:
    return name == names.anchor(names.number_of(name))

"""Booking: the ledger first, then the payables, so that there is never a payable which no entry books.

Where the process dies between the two, the step is repeated. The payable has the time of the first entry, so
that it is the same to the byte then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from invoicing.approval import names
from invoicing.approval.audit import booking_detail, bookings_since_undone
from invoicing.approval.ledger import Draft, Entry
from invoicing.approval.signing import LedgerKeys
from stores.blobs import BlobConflict, Blobs
from stores.ledgers import Chain

_WRITES_AT_ONCE = 8

#: The bytes of each payable by its reference, from the entries before and the time of the booking.
Make = Callable[[list[Entry], str], dict[str, bytes]]


def book(blobs: Blobs, chain: Chain, keys: LedgerKeys, now: str, make: Make) -> set[str]:
    """Enter payables and write them; returns the references of those that stand.

    One does not stand where something else is in its place; the ledger does not book it then. Repeating it
    changes nothing. What `make` raises passes through.
    """
    wanted = _enter(chain, keys, now, make)
    entered = _hashes(bookings_since_undone(chain.entries))

    def write(ref: str) -> str | None:
        return _write(blobs, names.payable(ref), wanted[ref], entered.get(ref, frozenset()))

    with ThreadPoolExecutor(min(_WRITES_AT_ONCE, len(wanted) or 1)) as pool:
        written = dict(zip(wanted, pool.map(write, wanted), strict=True))
    stands = {ref: sha256 for ref, sha256 in written.items() if sha256 is not None}
    _correct(chain, keys, now, stands)
    return set(stands)


def _enter(chain: Chain, keys: LedgerKeys, now: str, make: Make) -> dict[str, bytes]:
    """Enter what is going to be booked, unless an earlier attempt entered the very same."""
    wanted: dict[str, bytes] = {}

    def draft(entries: list[Entry]) -> Draft | None:
        nonlocal wanted
        before = bookings_since_undone(entries)
        wanted = make(entries, before[0].at if before else now)
        detail = booking_detail(wanted)
        is_entered = any(entry.detail == detail for entry in before)
        return None if is_entered else Draft(kind="booked", at=now, detail=detail)

    chain.append(draft, keys)
    return wanted


def _correct(chain: Chain, keys: LedgerKeys, now: str, stands: Mapping[str, str]) -> None:
    """Enter what really stands, where that is not what the last entry books."""

    def draft(entries: list[Entry]) -> Draft | None:
        before = bookings_since_undone(entries)
        if not before or before[-1].detail["payables"] == stands:
            return None
        return Draft(kind="booked", at=now, detail={"payables": dict(stands)})

    chain.append(draft, keys)


def _hashes(entries: Iterable[Entry]) -> dict[str, frozenset[str]]:
    """For each reference, the hashes that the entries book."""
    found: dict[str, frozenset[str]] = {}
    for entry in entries:
        for ref, sha256 in entry.detail["payables"].items():
            found[ref] = found.get(ref, frozenset()) | {sha256}
    return found


def _write(blobs: Blobs, name: str, payable: bytes, entered: frozenset[str]) -> str | None:
    """Write a payable; returns the SHA-256 of what stands there.

    None where it is nothing that was entered. An earlier version of the app may have written it a little
    differently, right before it was replaced.
    """
    try:
        blobs.create(name, payable)
    except BlobConflict:
        there = hashlib.sha256(blobs.read(name)).hexdigest()
        return there if there in entered else None
    return hashlib.sha256(payable).hexdigest()

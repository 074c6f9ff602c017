"""Booking: the ledger first, then the payables, so that there is never a payable which no entry books.

Where the process dies between the two, the step is repeated. The payable has the time of the first entry, so
that it is the same to the byte then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from adapters.services import Services
from invoicing.approval.audit import booking_detail, bookings_since_undone
from invoicing.approval.ledger import Draft, Entry
from invoicing.approval.signing import LedgerKeys
from invoicing.records.base import Reference, moment_of
from invoicing.records.ledger import EntryDetail
from invoicing.records.payable import Payable
from stores.ledgers import Chain
from stores.payables import PayableStore

_WRITES_AT_ONCE = 8

#: The payables to book, from the entries before and the time of the booking.
Make = Callable[[list[Entry], datetime], list[Payable]]


def book_payables(services: Services, chain: Chain, now: datetime, make: Make) -> list[Payable]:
    """Enter payables into their ledger and write them; returns those that stand.

    One does not stand where something else is in its place; the ledger does not book it then. Repeating it
    changes nothing. What `make` raises passes through.
    """
    store = PayableStore(services.blobs)
    keys = services.ledger_keys
    wanted = _enter(chain, keys, now, make)
    entered = _hashes(bookings_since_undone(chain.entries))

    def write(payable: Payable) -> str | None:
        return store.put(payable, entered.get(payable.ref, frozenset()))

    with ThreadPoolExecutor(min(_WRITES_AT_ONCE, len(wanted) or 1)) as pool:
        written = list(zip(wanted, pool.map(write, wanted), strict=True))

    stands = {payable.ref: sha256 for payable, sha256 in written if sha256 is not None}
    _correct(chain, keys, now, stands)
    return [payable for payable in wanted if payable.ref in stands]


def _enter(chain: Chain, keys: LedgerKeys, now: datetime, make: Make) -> list[Payable]:
    """Enter what is going to be booked, unless an earlier attempt entered the very same."""
    wanted: list[Payable] = []

    def draft(entries: list[Entry]) -> Draft | None:
        nonlocal wanted
        before = bookings_since_undone(entries)
        wanted = make(entries, moment_of(before[0].at) if before else now)
        detail = booking_detail({payable.ref: payable.as_json() for payable in wanted})
        is_entered = any(entry.detail == detail for entry in before)
        return None if is_entered else Draft(kind="booked", at=now.isoformat(), detail=detail)

    chain.append(draft, keys)
    return wanted


def _correct(chain: Chain, keys: LedgerKeys, now: datetime, stands: Mapping[Reference, str]) -> None:
    """Enter what really stands, where that is not what the last entry books."""

    def draft(entries: list[Entry]) -> Draft | None:
        before = bookings_since_undone(entries)
        if not before or before[-1].detail.payables == stands:
            return None
        return Draft(
            kind="booked",
            at=now.isoformat(),
            detail=EntryDetail(payables={**stands}),
        )

    chain.append(draft, keys)


def _hashes(entries: Iterable[Entry]) -> dict[str, frozenset[str]]:
    """For each reference, the hashes that the entries book."""
    found: dict[str, frozenset[str]] = {}
    for entry in entries:
        for reference, sha256 in (entry.detail.payables or {}).items():
            found[reference] = found.get(reference, frozenset()) | {sha256}
    return found

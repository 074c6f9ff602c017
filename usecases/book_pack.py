"""Book a pack: documents of a batch that nobody has to approve become payables together."""

from __future__ import annotations

from datetime import datetime

from adapters.services import Services
from invoicing.approval import names
from invoicing.approval.audit import standing
from invoicing.approval.ledger import Entry
from invoicing.approval.payables import free_payable
from invoicing.records.base import Reference
from invoicing.records.batch_approvals_steps import SettledCounts
from invoicing.records.payable import Payable
from invoicing.records.route import LATE_PACKS
from stores.ledgers import Chain, bookings
from stores.payables import PayableStore
from stores.routes import RouteStore
from usecases.book_payables import book_payables


def book_pack(services: Services, batch: str, number: int, now: datetime) -> SettledCounts:
    """Book one pack of a batch's documents that nobody has to approve; the first one is 0.

    Returns how many are `booked`, and how many `failed`, as another payable stands in their place. Repeating
    it changes nothing.
    """
    pack = RouteStore(services.blobs, batch).pack(number)
    if pack is None:
        return {}

    def payables(_: list[Entry], at: datetime) -> list[Payable]:
        return [
            free_payable(Reference(f"{batch}/{document.row.n}"), document.row, document.rule, at)
            for document in pack.documents
        ]

    chain = bookings(services.blobs, names.booking_unit(batch, number))
    booked = book_payables(services, chain, now, payables)
    if number >= LATE_PACKS and _is_undone(chain):
        # This step was believed dead, and its document was compensated, while it was about to write.
        for payable in booked:
            PayableStore(services.blobs).remove(payable.ref)
        booked = []
    counts = {"booked": len(booked), "failed": len(pack.documents) - len(booked)}
    return {settlement: count for settlement, count in counts.items() if count}


def _is_undone(chain: Chain) -> bool:
    chain.read_on()
    return bool(chain.entries) and standing(chain.entries) is None

"""What of an invoice is compared with its order. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from invoicing.findings import shortened
from invoicing.model import Invoice, Line, Totals
from invoicing.records.base import Reference
from invoicing.records.goods import ZERO, BilledInvoice, BilledLine
from invoicing.records.order import OrderId

#: Lines of an invoice that are compared. The readers take no document with many more.
MOST_LINES = 20_000
_LONGEST = 300


def billed_invoice(invoice: Invoice, ref: Reference, order: OrderId, at: datetime) -> BilledInvoice:
    """The quantities and prices of an invoice that bills an order."""
    return BilledInvoice(
        ref=ref,
        order=order,
        at=at,
        number=_short(invoice.number),
        supplier=_short(invoice.seller.name),
        currency=_short(invoice.currency),
        due=_due(invoice.totals),
        lines=tuple(_billed(line) for line in invoice.lines[:MOST_LINES]),
    )


def _due(totals: Totals) -> Decimal | None:
    """What is to be paid without VAT; a prepaid amount or VAT below zero makes it no smaller."""
    if totals.payable is None:
        return None
    return totals.payable + max(totals.prepaid or ZERO, ZERO) - max(totals.tax or ZERO, ZERO)


def _billed(line: Line) -> BilledLine:
    return BilledLine(
        id=_short(line.id),
        order_line=_short(line.order_line),
        quantity=line.quantity,
        unit=_short(line.unit),
        net=line.net,
        price=line.price,
        base_quantity=line.base_quantity,
        name=_short(line.name),
        seller_item_id=_short(line.seller_item_id),
        buyer_item_id=_short(line.buyer_item_id),
        standard_item_id=_short(line.standard_item_id.value) if line.standard_item_id else None,
    )


def _short(text: str | None) -> str | None:
    return None if text is None else shortened(text, _LONGEST)

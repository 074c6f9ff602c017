"""Goods that were ordered, received and billed, and how the three compare."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from invoicing.records.base import Moment, Money, Record, Reference, flag, optional
from invoicing.records.order import OrderId, Quantity, Text, Unit

GOODS_RECEIVED = "goods-received"
"""The kind of the signals that say that goods have come; their key is the order's number."""

MAX_PARTS = 200
"""Lines of one signal."""


class ReceivedLine(Record, extra="forbid"):
    """So much of one order line has come, told by the line's number or by an id of the item.

    A negative quantity takes back what was counted wrongly. Without a unit it is the one of the order.
    """

    line: Text | None = None
    item: Text | None = None
    quantity: Quantity
    unit: Unit | None = None


class GoodsReceived(Record, extra="forbid"):
    """What a signal `goods-received` says. `complete`: this was all, nothing more will come.

    `by`: who or what counted, such as `scale 3`; `place`: where; `at`: when, by their clock; `order`: its
    number, as they know it.
    """

    order: Text | None = None
    lines: Annotated[tuple[ReceivedLine, ...], Field(max_length=MAX_PARTS)] = ()
    complete: bool = False
    by: Annotated[str | None, Field(max_length=100)] = None
    place: Annotated[str | None, Field(max_length=100)] = None
    at: Moment | None = None
    note: Annotated[str | None, Field(max_length=300)] = None


class Receipt(Record):
    """A signal as it counts: `goods` is None where it cannot be read, and `problem` says why."""

    id: str
    received: Moment
    goods: GoodsReceived | None
    problem: str | None = optional()


class BilledLine(Record):
    """A line of an invoice, as far as it is compared; names as in EN 16931 (BT-126 to BT-157)."""

    id: str | None = None
    order_line: str | None = optional()
    quantity: Money | None = None
    unit: str | None = None
    net: Money | None = None
    price: Money | None = None
    base_quantity: Money | None = optional()
    name: str | None = None
    seller_item_id: str | None = optional()
    buyer_item_id: str | None = optional()
    standard_item_id: str | None = optional()


class BilledInvoice(Record):
    """An invoice that bills an order. `at`: when it was noted; earlier ones come first.

    `due`: what is to be paid for it, without VAT and before what was paid already; None: not known.
    """

    ref: Reference
    order: OrderId
    at: Moment
    number: str | None
    supplier: str | None
    currency: str | None
    due: Money | None = optional()
    lines: tuple[BilledLine, ...]


Reason = Literal["line", "unit", "currency", "price", "over_ordered", "over_received"]
"""Why a line does not match. `line`: no line of the order is meant."""

LineState = Literal["matched", "waiting", "mismatch", "not_billed"]
"""`waiting`: it matches as soon as more goods come. `not_billed`: this invoice has nothing of it."""


class MatchedLine(Record):
    """Ordered, received and billed side by side. `billed_before`: by earlier invoices of the same order.

    `invoice_lines`: the ids (BT-126) of the lines that belong here. Prices are for one unit.
    """

    order_line: str | None
    invoice_lines: tuple[str, ...]
    name: str | None
    unit: str | None
    billed_unit: str | None
    ordered: Money | None
    received: Money
    billed_before: Money
    billed: Money
    price_ordered: Money | None = None
    price_billed: Money | None = None
    state: LineState
    reasons: tuple[Reason, ...] = ()


Verdict = Literal["matched", "waiting", "mismatch"]


class GoodsMatch(Record):
    """The three-way match of one invoice. `lines`: those that do not match first, then the others.

    `left_out`: lines that are not shown since there are too many.
    """

    order: OrderId
    number: str
    revision: int
    verdict: Verdict
    complete: bool = flag()
    receipts: int = 0
    lines: tuple[MatchedLine, ...]
    left_out: int = 0


ZERO = Decimal(0)

Ending = Literal["matched", "mismatch", "late", "unknown"]
"""`late`: the goods did not come in time. `unknown`: its order was not sent in in time."""


class GoodsState(Record):
    """An invoice with an order, from the moment that it waits for its goods.

    `order`: None while nobody sent the order in. `run`: the run that waits, as in `InvoiceJob`. `since`: when
    it began to wait, `until`: when it gives up. `reminders`: how many were due so far; `told`: how many of
    them went out, `remind_error` why the last one did not. `ended`: None while it waits. `withdrawn`: nothing
    came of the invoice, so that this counts no more.
    """

    ref: Reference
    run: str | None = None
    order: OrderId | None
    number: str
    invoice: str | None
    supplier: str | None
    since: Moment
    until: Moment
    withdrawn: bool = flag()
    reminders: int = 0
    told: int = 0
    remind_error: str | None = optional()
    match: GoodsMatch | None = None
    ended: Ending | None = None
    at: Moment

"""What the API says of orders."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from invoicing.records.answers.common import Damaged, Links, Time, Whole
from invoicing.records.base import Money, Record
from invoicing.records.goods import GoodsReceived
from invoicing.records.order import Taken

_Id = Annotated[str, Field(json_schema_extra={"pattern": "^o[0-9a-f]{24}$"})]


class OrderSupplier(Record):
    """Who is to deliver, as the order says it."""

    name: str | None
    vat_id: str | None
    legal_id: str | None


class OrderTaken(Record):
    """An order that was taken in, now or before. `outcome`: `changed` means that it is a new revision."""

    id: _Id
    number: str
    outcome: Taken
    revision: Annotated[int, Field(ge=1)]
    created: Annotated[Time, Field(description="When this revision came.")]
    links: Links


class OrderedLine(Record):
    """One line: ordered, received and billed side by side."""

    id: str
    name: str | None
    unit: str
    quantity: Annotated[Money, Field(description="Ordered.")]
    received: Money
    billed: Annotated[Money, Field(description="By all invoices that count.")]
    price: Money | None
    base_quantity: Money
    seller_item_id: str | None
    buyer_item_id: str | None
    standard_item_id: str | None


class ReceiptSeen(Record):
    """One signal that goods have come; `goods` is null where it cannot be read."""

    id: str
    received: Time
    goods: GoodsReceived | None
    problem: str | None


class InvoiceOfOrder(Record):
    """One invoice that bills the order."""

    ref: Annotated[str, Field(description="The invoice: `i…`, or `b…/17` for document 17 of a batch.")]
    number: str | None
    at: Time
    counts: Annotated[bool, Field(description="False where it was not paid.")]


class OrderListed(Record):
    """One order in a list."""

    id: _Id
    number: str
    supplier: OrderSupplier
    revision: Annotated[int, Field(ge=1)]
    created: Time
    lines: Whole
    links: Links


class Orders(Record):
    """Orders, those that came last first."""

    orders: tuple[OrderListed, ...]
    damaged: Damaged
    links: Links


class OrderSeen(Record):
    """One order, with what was received and billed of it."""

    id: _Id
    number: str
    supplier: OrderSupplier
    buyer: str | None
    currency: str
    issued: date | None
    revision: Annotated[int, Field(ge=1)]
    created: Annotated[Time, Field(description="When this revision came.")]
    complete: Annotated[bool, Field(description="A receipt said that nothing more will come.")]
    unknown_parts: Annotated[Whole, Field(description="Parts of receipts that belong to no line.")]
    lines: tuple[OrderedLine, ...]
    receipts: tuple[ReceiptSeen, ...]
    invoices: tuple[InvoiceOfOrder, ...]
    links: Links

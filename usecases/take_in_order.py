"""Take in an order, and look at one with what was received and billed of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from adapters.services import Services
from invoicing import orders
from invoicing.matching.match import billed_of
from invoicing.matching.receiving import Received, received
from invoicing.orders import BadOrder
from invoicing.records.goods import Receipt
from invoicing.records.order import NewOrder, Order, OrderId, Taken
from stores.blobs import Blobs
from stores.orders import Billing, OrderFull, OrderStore
from usecases.receipts import receipts_now
from usecases.refusals import Misunderstood, NotAsAsked, Unknown


@dataclass(frozen=True)
class OrderSeen:
    """An order with its receipts and invoices; `received` and `billed` have a quantity for each line."""

    order: Order
    receipts: list[Receipt]
    billings: list[Billing]
    received: Received
    billed: tuple[Decimal, ...]


def take_in_order(services: Services, new: NewOrder) -> tuple[Order, Taken]:
    """Keep an order; the same one again is the same, a changed one is its next revision.

    Raises NotAsAsked where it has changed too often.
    """
    order = Order(
        id=_id_of(new),
        revision=1,
        created=services.clock(),
        fingerprint=orders.fingerprint(new),
        order=new,
    )
    try:
        return OrderStore(services.blobs).take(order)
    except OrderFull as error:
        text = "This order was changed too often to be changed once more. Send the rest as a new order."
        raise NotAsAsked("order_full", text) from error


def read_order(blobs: Blobs, order: str) -> OrderSeen:
    """One order as it stands. Raises Unknown and RecordDamaged."""
    store = OrderStore(blobs)
    found = store.order(order) if orders.is_order_id(order) else None
    if found is None:
        raise Unknown("unknown_order", "There is no order of this id.")
    receipts = receipts_now(blobs, found)
    billings = store.billings(order)
    lines = found.order.lines
    counted = [one.invoice for one in billings if not one.withdrawn]
    return OrderSeen(found, receipts, billings, received(lines, receipts), billed_of(lines, counted))


def order_of_invoice(blobs: Blobs, ids: tuple[OrderId, ...]) -> Order | None:
    """The order of an invoice by the ids that it may have; None where nobody sent it in."""
    store = OrderStore(blobs)
    return next((found for order in ids if (found := store.order(order))), None)


def _id_of(new: NewOrder) -> OrderId:
    try:
        return orders.order_id(new)
    except BadOrder as error:
        raise Misunderstood("bad_order", str(error)) from error

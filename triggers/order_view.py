"""What the API says of orders, as pure functions of what is known of them."""

from __future__ import annotations

from invoicing.records.answers import orders as answers
from invoicing.records.order import NewOrder, Order, Taken
from triggers.own_links import OwnLinks
from usecases.take_in_order import OrderSeen

_MOST_RECEIPTS = 500


def taken_view(order: Order, taken: Taken, own: OwnLinks) -> answers.OrderTaken:
    """The answer to who sent an order in."""
    return answers.OrderTaken(
        id=order.id,
        number=order.order.number,
        outcome=taken,
        revision=order.revision,
        created=order.created,
        links={"self": own.to(f"/{order.id}")},
    )


def listed_view(order: Order, own: OwnLinks) -> answers.OrderListed:
    """One order in a list."""
    return answers.OrderListed(
        id=order.id,
        number=order.order.number,
        supplier=_supplier(order.order),
        revision=order.revision,
        created=order.created,
        lines=len(order.order.lines),
        links={"self": own.to(f"/{order.id}")},
    )


def view(seen: OrderSeen, own: OwnLinks) -> answers.OrderSeen:
    """One order with what was received and billed; the receipts that came last where there are many."""
    stored, order = seen.order, seen.order.order
    return answers.OrderSeen(
        id=stored.id,
        number=order.number,
        supplier=_supplier(order),
        buyer=order.buyer,
        currency=order.currency,
        issued=order.issued,
        revision=stored.revision,
        created=stored.created,
        complete=seen.received.complete,
        unknown_parts=seen.received.unknown,
        lines=tuple(
            answers.OrderedLine(
                **dict(line), received=seen.received.quantities[place], billed=seen.billed[place]
            )
            for place, line in enumerate(order.lines)
        ),
        receipts=tuple(
            answers.ReceiptSeen(id=one.id, received=one.received, goods=one.goods, problem=one.problem)
            for one in seen.receipts[-_MOST_RECEIPTS:]
        ),
        invoices=tuple(
            answers.InvoiceOfOrder(
                ref=one.invoice.ref, number=one.invoice.number, at=one.invoice.at, counts=not one.withdrawn
            )
            for one in seen.billings
        ),
        links={"self": own.to(f"/{stored.id}")},
    )


def _supplier(order: NewOrder) -> answers.OrderSupplier:
    return answers.OrderSupplier(**dict(order.supplier))

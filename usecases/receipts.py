"""What was received of an order: the signals of its number, each kept with the order once it was seen."""

from __future__ import annotations

import logging
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from invoicing.records.goods import GOODS_RECEIVED, GoodsReceived, Receipt
from invoicing.records.order import Order
from invoicing.signals.keys import normal_key
from stores import orders, signals
from stores.blobs import Blobs
from stores.orders import OrderStore

#: Why a receipt does not count that may be for several orders.
AMBIGUOUS = (
    "several suppliers have an order of this number; send it again under a new id, with the id of the order "
    "as `order`"
)
_GOODS = TypeAdapter(GoodsReceived)


def receipts_of(blobs: Blobs, order: Order) -> list[Receipt]:
    """What was received of an order, early signals among it; each that is new is kept with the order.

    Signals are not kept for ever, and invoices of the same order may come later.
    """
    kept, new = _kept_and_new(blobs, order)
    for receipt in new:
        OrderStore(blobs).keep_receipt(order.id, receipt)
    return [*kept, *new]


def keep_receipts(blobs: Blobs, number: str) -> None:
    """Keep what came for a number with each order that has it: its signals are about to be removed.

    Goods may come long before their invoice. Raises RecordDamaged: then nothing may be removed.
    """
    store = OrderStore(blobs)
    for found in store.of_number(number):
        order = store.order(found)
        if order is not None:
            receipts_of(blobs, order)


def receipts_now(blobs: Blobs, order: Order) -> list[Receipt]:
    """The same, to look at: nothing is kept. The oldest first."""
    kept, new = _kept_and_new(blobs, order)
    return sorted([*kept, *new], key=lambda receipt: (receipt.received, receipt.id))


def _kept_and_new(blobs: Blobs, order: Order) -> tuple[list[Receipt], list[Receipt]]:
    kept = OrderStore(blobs).receipts(order.id)
    known = {receipt.id for receipt in kept}
    came = signals.folder(blobs, GOODS_RECEIVED, normal_key(order.order.number)).came.values()
    new = [_receipt(signal.id, signal.received, signal.payload) for signal in came if signal.id not in known]
    meant = _with_room(kept, [one for one in new if _says_something(one) and _is_meant(one, order)], order)
    if all(_names(receipt, order) for receipt in meant):
        return kept, meant
    is_alone = set(OrderStore(blobs).of_number(order.order.number)) <= {order.id}
    return kept, [one if is_alone or _names(one, order) else _ambiguous(one) for one in meant]


def _with_room(kept: list[Receipt], new: list[Receipt], order: Order) -> list[Receipt]:
    """The oldest new ones, as many as may count: each look reads all receipts of an order."""
    room = max(0, orders.MOST_RECEIPTS - len(kept))
    if len(new) <= room:
        return new
    text = (
        "order %s has %d receipts, and no more may count: its invoices go to a person when their time is over"
    )
    logging.error(text, order.id, orders.MOST_RECEIPTS)
    return sorted(new, key=lambda receipt: (receipt.received, receipt.id))[:room]


def _receipt(signal: str, received: datetime, payload: object) -> Receipt:
    try:
        return Receipt(id=signal, received=received, goods=_GOODS.validate_python(payload))
    except ValidationError as error:
        problem = str(error.errors(include_url=False, include_context=False, include_input=False)[0]["msg"])
        return Receipt(id=signal, received=received, goods=None, problem=problem[:200])


def _says_something(receipt: Receipt) -> bool:
    """A signal may only say that the order has changed (`usecases/wake_invoices.py`)."""
    return receipt.goods is None or bool(receipt.goods.lines) or receipt.goods.complete


def _is_meant(receipt: Receipt, order: Order) -> bool:
    """Whether a receipt may be for this order: two suppliers may have orders of the same number."""
    named = receipt.goods.order if receipt.goods else None
    return named is None or named in (order.id, order.order.number)


def _names(receipt: Receipt, order: Order) -> bool:
    """Whether a receipt is for this order and can be for no other; one that says nothing counts nowhere."""
    return receipt.goods is None or receipt.goods.order == order.id


def _ambiguous(receipt: Receipt) -> Receipt:
    """A receipt that may be for another supplier's order of the same number: people see it, and it does
    not count, since goods that came once would be paid twice.
    """
    return receipt.model_copy(update={"goods": None, "problem": AMBIGUOUS})

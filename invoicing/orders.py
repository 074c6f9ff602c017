"""Orders: their ids, what counts as the same order, and reading one out of JSON. Pure."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from invoicing import texts
from invoicing.duplicates import claim_key, compact
from invoicing.records.document import InvoiceSummary
from invoicing.records.order import NewOrder, OrderId, Supplier

_ORDER_ID = re.compile(r"o[0-9a-f]{24}")
_MOST_PROBLEMS = 10


class BadOrder(ValueError):
    """What was sent in is no order; `problems` has each one with its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The order cannot be read: " + "; ".join(problems[:_MOST_PROBLEMS]) + ".")
        self.problems = tuple(problems[:_MOST_PROBLEMS])


def is_order_id(text: str) -> bool:
    """Say whether a text has the form of our order ids: `o` and 24 hex digits."""
    return _ORDER_ID.fullmatch(text) is not None


def order_id(order: NewOrder) -> OrderId:
    """The id of an order: equal for equal supplier and number, as invoices are compared."""
    found = next(iter(_ids(order.supplier, order.number)), None)
    if found is None:
        raise BadOrder(["number and supplier: there is no letter or digit in one of them"])
    return found


def possible_ids(invoice: InvoiceSummary) -> tuple[OrderId, ...]:
    """The ids that the order of an invoice may have, the likeliest first; none where it names no order.

    An order may state the supplier by another of VAT id, legal id and name than the invoice does.
    """
    return _ids(_seller(invoice), invoice.order_reference or "")


def supplier_marks(supplier: Supplier) -> tuple[str, ...]:
    """What stands for a supplier, by each of VAT id, legal id and name that is stated: 32 hex digits each."""
    stated = [compact(text) for text in (supplier.vat_id, supplier.legal_id, supplier.name) if text]
    marks = [hashlib.sha256(f"supplier|{text}".encode()).hexdigest()[:32] for text in stated if text]
    return tuple(dict.fromkeys(marks))


def seller_marks(invoice: InvoiceSummary) -> tuple[str, ...]:
    """The same of who sent an invoice."""
    return supplier_marks(_seller(invoice))


def _seller(invoice: InvoiceSummary) -> Supplier:
    # An invoice may state longer texts than an order.
    return Supplier.model_construct(
        name=invoice.seller, vat_id=invoice.seller_vat_id, legal_id=invoice.seller_legal_id
    )


def _ids(supplier: Supplier, number: str) -> tuple[OrderId, ...]:
    stated = [text for text in (supplier.vat_id, supplier.legal_id, supplier.name) if text and compact(text)]
    keys = [claim_key(text, number) for text in stated]
    ids = [hashlib.sha256(f"order|{key}".encode()).hexdigest()[:24] for key in keys if key]
    return tuple(dict.fromkeys(OrderId(f"o{digest}") for digest in ids))


def fingerprint(order: NewOrder) -> str:
    """64 hex digits that are equal for equal orders: `10` and `10.00` are one quantity."""
    plain = order.model_copy(
        update={
            "lines": tuple(
                line.model_copy(
                    update={
                        "quantity": _shortest(line.quantity),
                        "price": None if line.price is None else _shortest(line.price),
                        "base_quantity": _shortest(line.base_quantity),
                    }
                )
                for line in order.lines
            )
        }
    )
    return hashlib.sha256(plain.as_json()).hexdigest()


def _shortest(number: Decimal) -> Decimal:
    return number.normalize()


def from_json(body: bytes) -> NewOrder:
    """An order out of JSON. Raises BadOrder."""
    try:
        order = NewOrder.model_validate_json(body)
    except ValidationError as error:
        raise BadOrder(problems_of(error)) from error
    return checked(order)


def checked(order: NewOrder) -> NewOrder:
    """The order, where its parts fit together. Raises BadOrder."""
    problems = [f"{place} {wrong}" for place, text in _texts(order) if (wrong := texts.fault(text, 300))]
    ids = [line.id.strip() for line in order.lines]
    if len(set(ids)) < len(ids):
        problems.append("lines: two lines have the same id")
    if not possible(order):
        problems.append("supplier: state vat_id, legal_id or name; number needs a letter or a digit")
    if problems:
        raise BadOrder(problems)
    return order


def possible(order: NewOrder) -> bool:
    """Whether supplier and number are there to be compared."""
    return bool(_ids(order.supplier, order.number))


def problems_of(error: ValidationError) -> list[str]:
    """What is wrong with each field, without what is in it."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [f"{_place(each['loc'])}: {each['msg']}" for each in found[:_MOST_PROBLEMS]]


def _place(parts: tuple[Any, ...]) -> str:
    return ".".join(texts.cleaned(str(part), 40) for part in parts[:6]) or "the body"


def _texts(order: NewOrder) -> list[tuple[str, str]]:
    named = [
        ("number", order.number),
        ("buyer", order.buyer),
        ("supplier.name", order.supplier.name),
        ("supplier.vat_id", order.supplier.vat_id),
        ("supplier.legal_id", order.supplier.legal_id),
    ]
    for place, line in enumerate(order.lines):
        named += [
            (f"lines.{place}.{field}", getattr(line, field))
            for field in ("id", "unit", "name", "seller_item_id", "buyer_item_id", "standard_item_id")
        ]
    return [(place, text) for place, text in named if text is not None]

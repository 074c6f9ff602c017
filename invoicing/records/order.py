"""A purchase order: what was ordered of whom, in which quantity and unit, at which price."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, NewType

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from invoicing.records.base import Moment, Record

OrderId = NewType("OrderId", str)
"""`o` and 24 hex digits, made of supplier and order number."""

MAX_LINES = 2_000
"""Lines of an order."""

_LARGEST = Decimal(10) ** 12
_PLACES = 6


def _decimal(value: Any) -> Any:
    """A decimal of a sane size: a scale says `12.5` as a JSON number, others write a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("a quantity is a decimal number")
    text = repr(value) if isinstance(value, float) else str(value)
    try:
        number = Decimal(text[:40])
    except InvalidOperation as error:
        raise ValueError("a quantity is a decimal number") from error
    if not number.is_finite() or abs(number) >= _LARGEST:
        raise ValueError("a quantity has at most 12 digits before the point")
    if number != round(number, _PLACES):
        raise ValueError(f"a quantity has at most {_PLACES} digits behind the point")
    return number


Quantity = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    PlainSerializer(lambda value: format(value, "f"), return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number"}, {"type": "string", "maxLength": 40}],
            "description": "A decimal number: at most 12 digits before the point and 6 behind it.",
            "examples": ["12.5"],
        },
        mode="validation",
    ),
    WithJsonSchema({"type": "string", "description": "A decimal number.", "examples": ["12.5"]},
                   mode="serialization"),
]  # fmt: skip
"""A quantity, or a price for one unit, of at most 12 digits and 6 decimal places; in JSON a text."""

Text = Annotated[str, Field(min_length=1, max_length=100)]
"""A name or a number, as people write it."""

Unit = Annotated[
    str, Field(min_length=1, max_length=20, description="UN/ECE Recommendation 20, such as KGM.")
]


class Supplier(Record, extra="forbid"):
    """Who is to deliver: what is stated first of VAT id, legal id and name tells one from the others."""

    name: Text | None = None
    vat_id: Text | None = None
    legal_id: Text | None = None


class OrderLine(Record, extra="forbid"):
    """One line: `id` is what BT-132 of an invoice refers to. `price`: for `base_quantity` units, net."""

    id: Text
    quantity: Annotated[Quantity, Field(ge=0)]
    unit: Unit
    price: Annotated[Quantity | None, Field(ge=0)] = None
    base_quantity: Annotated[Quantity, Field(gt=0)] = Decimal(1)
    name: Annotated[str | None, Field(max_length=300)] = None
    seller_item_id: Text | None = None
    buyer_item_id: Text | None = None
    standard_item_id: Text | None = None


class NewOrder(Record, extra="forbid"):
    """An order as it is sent in; `number` is what BT-13 of an invoice refers to."""

    number: Text
    supplier: Supplier
    buyer: Annotated[str | None, Field(max_length=300)] = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217")]
    issued: date | None = None
    lines: Annotated[tuple[OrderLine, ...], Field(min_length=1, max_length=MAX_LINES)]


class Order(Record):
    """A revision of an order as it is stored; the first one is 1.

    `fingerprint`: equal for equal orders, however they were written. `created`: when this revision came.
    """

    id: OrderId
    revision: int
    created: Moment
    fingerprint: str
    order: NewOrder


Taken = Literal["new", "same", "changed"]
"""What came of an order that was sent in; `changed`: it is a new revision of one that is known."""

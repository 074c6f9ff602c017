"""The operations on orders."""

from __future__ import annotations

from invoicing.records.answers.orders import Orders, OrderSeen, OrderTaken
from invoicing.records.base import Record
from invoicing.records.order import NewOrder
from triggers.api_description.parts import (
    BINARY,
    JSON,
    PAGE,
    TOP,
    answers,
    body,
    json_of,
    operation,
    path,
)
from triggers.api_description.schemas import Part, ref

PATHS: Part = {
    "/api/orders": {
        "post": operation(
            "orders",
            "takeOrder",
            "Send in an order, which invoices and goods are compared with",
            answers(
                json_of(201, OrderTaken, "It is new, or a new revision of an order that is known.")
                | json_of(200, OrderTaken, "The same order was sent in before."),
                400,
                413,
                415,
                422,
            ),
            requestBody=body(("application/xml", BINARY), ("text/xml", BINARY), (JSON, ref(NewOrder))),
        ),
        "get": operation(
            "orders",
            "listOrders",
            "All orders, the newest first",
            answers(json_of(200, Orders, "A page of them."), 400),
            parameters=[TOP, PAGE],
        ),
    },
    "/api/orders/{id}": {
        "parameters": [path("id", "An order's id.")],
        "get": operation(
            "orders",
            "getOrder",
            "One order: ordered, received and billed of each line",
            answers(json_of(200, OrderSeen, "The order."), 404),
        ),
    },
}

ANSWERS: tuple[type[Record], ...] = (OrderTaken, Orders, OrderSeen)

BODIES: tuple[type[Record], ...] = (NewOrder,)

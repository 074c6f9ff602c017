"""The operations on single invoices."""

from __future__ import annotations

from invoicing.records.answers.invoices import Invoice, InvoiceAccepted
from invoicing.records.base import Record
from triggers.api_description.parts import (
    BINARY,
    CALLBACK_URL,
    FORM,
    IDEMPOTENCY_KEY,
    answers,
    body,
    json_of,
    later,
    operation,
    path,
    query,
)
from triggers.api_description.schemas import Part

PATHS: Part = {
    "/api/invoices": {
        "post": operation(
            "invoices",
            "startInvoice",
            "Send in one invoice",
            answers(later(InvoiceAccepted), 400, 403, 410, 413, 415, 422),
            parameters=[
                IDEMPOTENCY_KEY,
                CALLBACK_URL,
                query("sender", "Who sent it in, unless signed in; may not approve it.", format="email"),
            ],
            requestBody=body(
                ("application/xml", BINARY),
                ("text/xml", BINARY),
                ("application/pdf", BINARY),
                ("multipart/form-data", FORM),
            ),
        )
    },
    "/api/invoices/{id}": {
        "parameters": [path("id", "An invoice's id.")],
        "get": operation(
            "invoices",
            "getInvoice",
            "What became of an invoice",
            answers(json_of(200, Invoice, "It has ended.") | later(Invoice), 404, 410),
        ),
        "delete": operation(
            "invoices",
            "withdrawInvoice",
            "Withdraw an invoice that is not booked",
            answers(json_of(200, Invoice, "It is withdrawn."), 400, 403, 404, 409, 410),
            parameters=[
                query("who", "Who withdraws it, where nobody is signed in."),
                query("why", "The reason; it stays with the invoice and its approval."),
            ],
        ),
    },
}

ANSWERS: tuple[type[Record], ...] = (
    InvoiceAccepted,
    Invoice,
)

BODIES: tuple[type[Record], ...] = ()

"""A checker and a reader without processes: a document says of itself what it is.

It says `outcome supplier number [euros [vat [accounts]]]`, `unreadable`, `endless` or `crash`. Where it bills
an order, it says so anywhere: `order:PO-1`, and its lines as `line:number:quantity:unit:net`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from adapters.checking.checker import GivenUp
from invoicing.assess import Assessment, row
from invoicing.batching import Document
from invoicing.findings import Finding
from invoicing.model import Invoice, Line, Party, PaymentMeans, Totals
from invoicing.opening import read_invoice
from invoicing.outcomes import RowLine, line_of


class SayingChecker:
    """Assesses `valid ACME 17`; `endless` is over its budget, and `crash` raises in the caller's process.

    Where it is asked to end in time, it checks ``at_once`` documents and no more.
    """

    def __init__(self, at_once: int | None = None) -> None:
        self.at_once = at_once

    def check(
        self, documents: Sequence[Document], today: date, until: float | None = None
    ) -> list[RowLine | GivenUp]:
        """What the documents say; raises RuntimeError for `crash`."""
        taken = documents if until is None else documents[: self.at_once]
        return [self._checked(document) for document in taken]

    def _checked(self, document: Document) -> RowLine | GivenUp:
        if document.content == b"endless":
            return GivenUp(document.n, "Checking it took more than 20 seconds of processor time.")
        assessment = self._assess(document.name, document.content)
        return line_of(row(document.n, document.name, document.content, assessment))

    def _assess(self, name: str, content: bytes) -> Assessment:
        outcome, *rest = content.decode().split()
        if outcome == "crash":
            raise RuntimeError(f"cannot digest {name}")
        if outcome == "unreadable":
            found = [Finding("SETTLE-NOT-INVOICE", "fatal", "It is not an invoice.", None, "file")]
            return Assessment(kind=None, outcome="unreadable", findings=found)
        invoice = invoice_of(rest)
        return Assessment(kind="ubl-invoice", outcome=outcome, invoice=invoice)  # type: ignore[arg-type]


def invoice_of(words: Sequence[str]) -> Invoice:
    """The invoice that a document says, without the word for its outcome."""
    supplier, number, *more = (word for word in words if ":" not in word)
    totals = Totals(payable=Decimal(more[0])) if more else Totals()
    currency = "EUR" if more else None
    seller = Party(name=supplier, vat_id=more[1] if len(more) > 1 else None)
    means = tuple(PaymentMeans(account=account) for account in more[2:])
    orders = [word.partition(":")[2] for word in words if word.startswith("order:")]
    return Invoice(
        kind="ubl-invoice",
        number=number,
        type_code="380",
        order_reference=orders[0] if orders else None,
        seller=seller,
        currency=currency,
        totals=totals,
        payment_means=means,
        lines=tuple(_line(word) for word in words if word.startswith("line:")),
    )


def _line(word: str) -> Line:
    _, order_line, quantity, unit, net = word.split(":")
    return Line(id=order_line, order_line=order_line, quantity=Decimal(quantity), unit=unit, net=Decimal(net))


class SayingReader:
    """Reads the same documents."""

    def read(self, name: str, content: bytes) -> Invoice | None:
        """What the document says; None where it says `silent`."""
        _, *rest = content.decode().split()
        return None if "silent" in rest else invoice_of(rest)


class PlainReader:
    """Reads invoices in this process."""

    def read(self, name: str, content: bytes) -> Invoice | None:
        """The invoice, as the reader's process reads it."""
        return read_invoice(name, content)

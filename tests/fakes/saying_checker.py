"""A checker without rules: a document says of itself what it is, as `outcome supplier number [euros]`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from invoicing.assess import Assessment
from invoicing.findings import Finding
from invoicing.model import Invoice, Party, Totals


class SayingChecker:
    """Assesses `valid ACME 17`; a document that says `crash` breaks it, as a fault in a library would."""

    def assess(self, name: str, content: bytes, today: date | None = None) -> Assessment:
        """What the document says; raises RuntimeError for `crash`."""
        outcome, *rest = content.decode().split()
        if outcome == "crash":
            raise RuntimeError(f"cannot digest {name}")
        if outcome == "unreadable":
            found = [Finding("SETTLE-NOT-INVOICE", "fatal", "It is not an invoice.", None, "file")]
            return Assessment(kind=None, outcome="unreadable", findings=found)
        supplier, number, *amount = rest
        totals = Totals(payable=Decimal(amount[0])) if amount else Totals()
        currency = "EUR" if amount else None
        seller = Party(name=supplier)
        invoice = Invoice(
            kind="ubl-invoice",
            number=number,
            type_code="380",
            seller=seller,
            currency=currency,
            totals=totals,
        )
        return Assessment(kind="ubl-invoice", outcome=outcome, invoice=invoice)  # type: ignore[arg-type]

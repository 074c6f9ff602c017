"""What the policy looks at: a few facts of an invoice, taken from its row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, PlainSerializer

from invoicing.duplicates import compact
from invoicing.records.base import Money
from invoicing.records.document import DocumentRow, InvoiceSummary


def _is_none(value: object) -> bool:
    return value is None


_Compared = Annotated[Money | None, Field(exclude_if=_is_none)]
_Rules = Annotated[frozenset[str], PlainSerializer(sorted, return_type=list[str], when_used="json")]


@dataclass(frozen=True)
class Facts:
    """Facts of one invoice; `amount` is the absolute value of what is due (a credit note counts as much).

    `findings`: ids of the rules that found something (warnings: a document with a fatal one never gets here).
    `fully_checked`: all official rules that the invoice's profile asks for ran over it.
    `compared`: the amount in the currency that the policy compares in; None where it names none, or it could
    not be converted.
    """

    amount: Money | None
    currency: str | None
    supplier_known: bool
    findings: _Rules
    fully_checked: bool = False
    compared: _Compared = None


def facts_of(row: DocumentRow, *, supplier_known: bool) -> Facts:
    """The facts of a row: the amount is what is payable, else the gross total."""
    invoice = row.invoice or InvoiceSummary()
    due = invoice.gross if invoice.payable is None else invoice.payable
    noted = (found.rule for found in row.findings if found.severity != "information")
    return Facts(
        amount=None if due is None else abs(due),
        currency=invoice.currency,
        supplier_known=supplier_known,
        findings=frozenset(noted),
        fully_checked=row.fully_checked,
    )


def supplier_key(invoice: InvoiceSummary) -> str | None:
    """32 hex digits that are equal for equal suppliers (VAT id, else name); None where there is neither."""
    for text in (invoice.seller_vat_id, invoice.seller):
        if text and compact(text):
            return hashlib.sha256(compact(text).encode()).hexdigest()[:32]
    return None

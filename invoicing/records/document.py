"""What the check says of one document: a row of a batch, or the result of an invoice that came alone."""

from __future__ import annotations

from datetime import date
from typing import Literal, get_args

from invoicing.findings import Finding
from invoicing.model import Kind
from invoicing.records.base import Money, Record, optional

Outcome = Literal["valid", "invalid", "unreadable", "duplicate", "set_aside"]
"""`valid`: an invoice without fatal finding. `unreadable`: no invoice that could be read. `duplicate`:
another document holds its supplier and number. `set_aside`: it could not be processed."""

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
"""All of them, in the order in which they are told."""


class TaxRow(Record):
    """A row of the VAT breakdown (BG-23)."""

    category: str | None
    rate: Money | None
    taxable: Money | None
    tax: Money | None


class InvoiceSummary(Record):
    """What a report, an approval and a payment need of an invoice; what is missing is None.

    `buyer_address`: the electronic address of the buyer (BT-49).
    """

    number: str | None = None
    type_code: str | None = None
    issue_date: date | None = None
    due_date: date | None = None
    currency: str | None = None
    seller: str | None = None
    seller_vat_id: str | None = None
    seller_legal_id: str | None = None
    seller_country: str | None = None
    buyer: str | None = None
    order_reference: str | None = None
    net: Money | None = None
    tax: Money | None = None
    gross: Money | None = None
    payable: Money | None = None
    tax_breakdown: tuple[TaxRow, ...] = ()
    iban: str | None = None
    accounts: tuple[str, ...] = ()
    buyer_vat_id: str | None = optional()
    buyer_legal_id: str | None = optional()
    buyer_address: str | None = optional()


class DocumentRow(Record):
    """A document's result. `n`: its number in its batch (1 for an invoice that came alone); `size` in bytes.

    `checked`: the sets of official rules that ran over it, none where it breaks the schema
    (`invoicing.rules.profiles.RULE_SETS` has their names). `fully_checked`: they are all that its profile
    asks for. `claim`: the key by which the same invoice is recognised (see `invoicing.duplicates`).
    """

    n: int
    name: str
    size: int
    sha256: str | None
    kind: Kind | None
    profile: str | None
    en16931: bool
    checked: tuple[str, ...] = ()
    fully_checked: bool = False
    outcome: Outcome
    invoice: InvoiceSummary | None
    claim: str | None
    findings: tuple[Finding, ...]

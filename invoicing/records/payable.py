"""What is to be paid."""

from __future__ import annotations

from invoicing.records.base import ApprovalId, Moment, Person, Record, Reference, optional
from invoicing.records.document import InvoiceSummary


class PayableDocument(Record):
    """The document that a payable rests on."""

    name: str
    sha256: str | None


class LedgerHead(Record):
    """How far a ledger went when its decision was booked: how many entries, and the hash of the last."""

    entries: int
    head: str


class Payable(Record):
    """An invoice that waits for a payment run.

    `approved_by` is empty where no person approved it; `ledger`: what the approval rests on, where there is
    one. `blocked_by`: the rules for which a payment run leaves it out until a person has mended the account.
    """

    ref: Reference
    booked: Moment
    approval: ApprovalId | None
    rule: str
    approved_by: tuple[Person, ...] = ()
    document: PayableDocument
    invoice: InvoiceSummary
    supplier: str | None
    blocked_by: tuple[str, ...] = ()
    ledger: LedgerHead | None = optional()

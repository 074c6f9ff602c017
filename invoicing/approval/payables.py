"""The payable of an invoice, made of its row and of what was decided. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from invoicing.approval.facts import supplier_key
from invoicing.approval.ledger import Entry
from invoicing.approval.stages import progress
from invoicing.findings import PAYMENT_BLOCKERS
from invoicing.records.approval import ApprovalRequest
from invoicing.records.base import ApprovalId, Person, Reference
from invoicing.records.document import DocumentRow, InvoiceSummary
from invoicing.records.payable import LedgerHead, Payable, PayableDocument


class NotApproved(Exception):
    """The ledger does not say that the invoice is to be paid."""


def free_payable(
    ref: Reference, row: DocumentRow, rule: str, at: datetime, approval: ApprovalId | None = None
) -> Payable:
    """The payable of an invoice, without a person who approved it."""
    invoice = row.invoice or InvoiceSummary()
    blocked_by = sorted({found.rule for found in row.findings} & PAYMENT_BLOCKERS)
    return Payable(
        ref=ref,
        booked=at,
        approval=approval,
        rule=rule,
        document=PayableDocument(name=row.name, sha256=row.sha256),
        invoice=invoice,
        supplier=supplier_key(invoice),
        blocked_by=tuple(blocked_by),
    )


def approved_payable(request: ApprovalRequest, entries: Sequence[Entry], at: datetime) -> Payable:
    """The payable of an approval, from what stood in its ledger before the booking. Raises NotApproved."""
    state = progress(request.stages, entries)
    if state.outcome != "approved" or not state.closed or state.undone:
        raise NotApproved

    decided = [entry for entry in entries if entry.kind not in ("booked", "undone")]
    approved_by = tuple(Person(entry.who) for entry in decided if entry.kind == "approve" and entry.who)
    head = LedgerHead(entries=decided[-1].seq, head=decided[-1].hash)
    payable = free_payable(request.ref, request.row, request.rule, at, request.approval)
    return payable.model_copy(update={"approved_by": approved_by, "ledger": head})

"""The line of the inbox that shows an open approval: a pure function of its request and its open stage."""

from __future__ import annotations

from collections.abc import Sequence

from invoicing.approval.names import parse_reference
from invoicing.approval.stages import StageState
from invoicing.records.approval import ApprovalRequest, InboxEntry
from invoicing.records.base import BatchId
from invoicing.records.document import InvoiceSummary

# What a listing shows of a name; the metadata of a blob holds 8 KiB.
_SHOWN = 100


def inbox_entry(
    request: ApprovalRequest, current: StageState, waiting_for: Sequence[str], asked: Sequence[str] = ()
) -> InboxEntry:
    """The entry of an approval whose stage `current` is open; `asked`: who can decide in it."""
    invoice = request.row.invoice or InvoiceSummary()
    batch = parse_reference(request.ref).batch
    return InboxEntry(
        approval=request.approval,
        ref=request.ref,
        supplier=_cut(invoice.seller),
        number=_cut(invoice.number),
        amount=request.facts.amount,
        currency=_cut(invoice.currency),
        type_code=_cut(invoice.type_code),
        stage=current.name,
        approvers=tuple(waiting_for),
        since=current.opened or request.created,
        created=request.created,
        findings=len(request.row.findings),
        batch=BatchId(batch) if batch else None,
        decided=tuple(sorted(set(current.approvals.values()))),
        seats=current.left,
        asked=tuple(asked),
    )


def _cut(text: str | None) -> str | None:
    return text if text is None else text[:_SHOWN]

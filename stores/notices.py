"""What became of each message of an approval: one small blob per message and channel.

They are kept apart from the ledger, which holds decisions only: a mail server that is down must not be able
to stand in a decision's way.
"""

from __future__ import annotations

from pydantic import TypeAdapter

from invoicing.records.approval import ApprovalRequest
from invoicing.records.document import InvoiceSummary
from invoicing.records.messages import InvoiceLine, Notice
from stores import records
from stores.blobs import BlobInfo, BlobMissing, Blobs
from stores.records import Listed

_LONGEST_NAME = 100

_NOTICE = TypeAdapter(Notice)


def blob_name(approval: str, notice: str = "") -> str:
    """The blob of one message; without `notice`, the prefix of all messages of an approval."""
    prefix = f"approvals/{approval}/notifications/"
    return f"{prefix}{notice}.json" if notice else prefix


def line_of(request: ApprovalRequest) -> InvoiceLine:
    """What a line says of the invoice that an approval's request is about."""
    invoice = request.row.invoice or InvoiceSummary()
    return InvoiceLine(
        supplier=(invoice.seller or "")[:_LONGEST_NAME],
        number=(invoice.number or "")[:_LONGEST_NAME],
        amount=None if invoice.payable is None else format(invoice.payable, "f"),
        currency=invoice.currency,
        due=invoice.due_date.isoformat() if invoice.due_date else None,
        findings=len(request.row.findings),
        sha256=request.document.sha256,
    )


def create(blobs: Blobs, notice: Notice) -> None:
    """Note a message that was not noted before. Raises BlobConflict."""
    blobs.create(blob_name(notice.approval, notice.id), notice.as_json())


def read(blobs: Blobs, approval: str, notice: str) -> Notice:
    """One message. Raises BlobMissing and RecordDamaged."""
    name = blob_name(approval, notice)
    return from_json(name, blobs.read(name))


def write(blobs: Blobs, notice: Notice) -> None:
    """Keep a message's state, over the one from before."""
    blobs.write(blob_name(notice.approval, notice.id), notice.as_json())


def of_approval(blobs: Blobs, approval: str) -> Listed[Notice]:
    """All messages of an approval, in the order they were made, with the ids of those that cannot be read."""

    def read(blob: BlobInfo) -> Notice | None:
        try:
            return from_json(blob.name, blobs.read(blob.name))
        except BlobMissing:
            return None  # an operator deleted it between the listing and now

    start = blob_name(approval)
    listed = records.each(blobs.list(start), read)
    damaged = [name.removeprefix(start).removesuffix(".json") for name in listed.damaged]
    return Listed(sorted(listed.found, key=lambda notice: (notice.created, notice.entry, notice.id)), damaged)


def from_json(name: str, data: bytes | str) -> Notice:
    """The message that is stored as `data` under `name`. Raises RecordDamaged."""
    return records.from_json(_NOTICE, name, data)

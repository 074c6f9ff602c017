"""Approvals: what was asked for, whether it waits in the inbox, and the document that it is about."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection

from pydantic import TypeAdapter

from invoicing.approval import names
from invoicing.archive import BadArchive
from invoicing.records.approval import ApprovalRequest, InboxEntry
from stores import approval_names, records
from stores.batch_sources import read_document
from stores.batches import BatchStore
from stores.blobs import BlobConflict, BlobInfo, BlobMissing, Blobs
from stores.invoices import InvoiceStore
from stores.ledgers import ApprovalMissing
from stores.records import Listed

# So many entries of the inbox are read one by one; for more, all of it is listed, which is one request.
_READ_ALONE = 10

_INBOX_ENTRY = TypeAdapter(InboxEntry)
_REQUEST = TypeAdapter(ApprovalRequest)


def ask(blobs: Blobs, request: ApprovalRequest) -> None:
    """Write down what is to be approved. Where that was done before, what was asked for first stays."""
    with contextlib.suppress(BlobConflict):
        blobs.create(approval_names.request(request.approval), request.as_json())


def request_of(blobs: Blobs, approval: str) -> ApprovalRequest:
    """What was asked for. Raises ApprovalMissing and RecordDamaged."""
    name = approval_names.request(approval)
    try:
        return records.from_json(_REQUEST, name, blobs.read(name))
    except BlobMissing as error:
        raise ApprovalMissing(f"there is no approval {approval}") from error


def document(blobs: Blobs, request: ApprovalRequest) -> bytes | None:
    """The document that is to be approved, as it is now; None where it is not there any more."""
    reference = names.parse_reference(request.ref)
    try:
        if reference.n is None:
            return InvoiceStore(blobs).document(reference.owner)
        if request.document.chunk is None:
            return None
        manifest = BatchStore(blobs).manifest(reference.owner)
        found = read_document(blobs, reference.owner, manifest, reference.n)
    except (BlobMissing, BadArchive):
        return None
    return found.content if found else None


def has_entry(blobs: Blobs, approval: str, seq: int) -> bool:
    """Say whether the ledger has an entry of this number; the first is 1."""
    return blobs.exists(approval_names.entry(approval, seq))


# ---------------------------------------------------------------- the inbox


def put_in_inbox(blobs: Blobs, entry: InboxEntry) -> None:
    """Have an approval in the inbox, over the entry from before."""
    # Metadata travels as an HTTP header, hence ASCII.
    text = json.dumps(entry.as_plain())
    blobs.write(approval_names.inbox(entry.approval), text.encode(), {"item": text})


def take_out_of_inbox(blobs: Blobs, approval: str) -> None:
    """An approval is not open any more."""
    blobs.delete(approval_names.inbox(approval))


def open_ids(blobs: Blobs) -> list[str]:
    """The ids of all open approvals."""
    return [blob.name.removeprefix(approval_names.INBOX) for blob in blobs.list(approval_names.INBOX)]


def inbox(blobs: Blobs) -> list[InboxEntry]:
    """All open approvals that can be shown, the oldest first; one listing, no blob is read."""
    return open_approvals(blobs).found


def open_approvals(blobs: Blobs) -> Listed[InboxEntry]:
    """All open approvals, the oldest first, with the ids of those whose entry cannot be read."""
    listed = records.each(blobs.list(approval_names.INBOX), _entry)
    ordered = sorted(listed.found, key=lambda entry: (entry.created, entry.approval))
    return Listed(ordered, [name.removeprefix(approval_names.INBOX) for name in listed.damaged])


def inbox_entries(blobs: Blobs, wanted: Collection[str]) -> dict[str, InboxEntry]:
    """Those of some approvals that are open, by their ids."""
    if len(wanted) > _READ_ALONE:
        return {entry.approval: entry for entry in inbox(blobs) if entry.approval in wanted}

    found: dict[str, InboxEntry] = {}
    for approval in wanted:
        with contextlib.suppress(BlobMissing):
            name = approval_names.inbox(approval)
            found[approval] = records.from_json(_INBOX_ENTRY, name, blobs.read(name))
    return found


def _entry(blob: BlobInfo) -> InboxEntry:
    return records.from_json(_INBOX_ENTRY, blob.name, blob.metadata.get("item", ""))

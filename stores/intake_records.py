"""What was written down when a batch or a single invoice was taken in: once, and never changed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from pydantic import AwareDatetime, TypeAdapter

from invoicing.approval import names
from invoicing.records.batch import BatchRecord
from stores import records
from stores.blobs import Blobs


@dataclass(frozen=True)
class InvoiceRecord:
    """A single invoice. `size` in bytes; `sender`: who sent it in, where that is known."""

    id: str
    created: AwareDatetime
    name: str
    size: int
    sha256: str
    sender: str | None
    fingerprint: str


class IntakeRecord(Protocol):
    """What both have in common."""

    @property
    def created(self) -> datetime:
        """When it was taken in."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of what was asked for."""
        ...


Record = TypeVar("Record", bound=IntakeRecord)

_INVOICE = TypeAdapter(InvoiceRecord)


def read_invoice(blobs: Blobs, invoice: str) -> InvoiceRecord:
    """The record of an invoice. Raises BlobMissing and RecordDamaged."""
    name = names.invoice_record(invoice)
    return records.from_json(_INVOICE, name, blobs.read(name))


def to_bytes(record: BatchRecord | InvoiceRecord) -> bytes:
    """The bytes that are stored."""
    return json.dumps({**asdict(record), "created": told(record.created)}).encode()


def told(moment: datetime) -> str:
    """A moment as records and answers have it: ISO 8601 with milliseconds."""
    return moment.isoformat(timespec="milliseconds")

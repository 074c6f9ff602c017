"""Invoices that came alone: record, document, the row of the check, and the route."""

from __future__ import annotations

from pydantic import TypeAdapter

from invoicing.records.document import DocumentRow
from invoicing.records.invoice import InvoiceRecord, InvoiceWithdrawn
from invoicing.records.route import InvoiceRoute
from stores import records
from stores.blobs import BlobMissing, Blobs

_RECORD = TypeAdapter(InvoiceRecord)
_WITHDRAWN = TypeAdapter(InvoiceWithdrawn)
_ROW = TypeAdapter(DocumentRow)
_ROUTE = TypeAdapter(InvoiceRoute)


class InvoiceStore:
    """All that is stored of an invoice that came alone. What reads a record raises RecordDamaged."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def create(self, record: InvoiceRecord) -> None:
        """Write down that an invoice was taken in. Raises BlobConflict where one of its id was."""
        self._blobs.create(record_name(record.id), record.as_json())

    def record(self, invoice: str) -> InvoiceRecord:
        """What was taken in. Raises BlobMissing."""
        name = record_name(invoice)
        return records.from_json(_RECORD, name, self._blobs.read(name))

    def put_document(self, invoice: str, content: bytes) -> None:
        """Keep the document, byte for byte as it came."""
        self._blobs.write(document_name(invoice), content)

    def document(self, invoice: str) -> bytes:
        """The document. Raises BlobMissing."""
        return self._blobs.read(document_name(invoice))

    def put_row(self, invoice: str, row: DocumentRow | bytes) -> None:
        """Keep the result of the check: a row, or its line of JSON."""
        self._blobs.write(row_name(invoice), row if isinstance(row, bytes) else row.as_json())

    def row(self, invoice: str) -> DocumentRow | None:
        """The result of the check; None where it is not checked yet."""
        name = row_name(invoice)
        try:
            return records.from_json(_ROW, name, self._blobs.read(name))
        except BlobMissing:
            return None

    def note_withdrawn(self, invoice: str, said: InvoiceWithdrawn) -> None:
        """Keep who withdraws the invoice, over who said so before."""
        self._blobs.write(withdrawn_name(invoice), said.as_json())

    def forget_withdrawn(self, invoice: str) -> None:
        """It was not withdrawn after all."""
        self._blobs.delete(withdrawn_name(invoice))

    def withdrawn(self, invoice: str) -> InvoiceWithdrawn | None:
        """Who withdrew the invoice; it counts where its run was stopped."""
        name = withdrawn_name(invoice)
        try:
            return records.from_json(_WITHDRAWN, name, self._blobs.read(name))
        except BlobMissing:
            return None

    def put_route(self, invoice: str, route: InvoiceRoute) -> None:
        """Keep what the policy said."""
        self._blobs.write(route_name(invoice), route.as_json())

    def route(self, invoice: str) -> InvoiceRoute | None:
        """What the policy said; None where no rule was applied yet."""
        name = route_name(invoice)
        try:
            return records.from_json(_ROUTE, name, self._blobs.read(name))
        except BlobMissing:
            return None


def record_name(invoice: str) -> str:
    """The blob of what was taken in."""
    return f"invoices/{invoice}/invoice.json"


def withdrawn_name(invoice: str) -> str:
    """The blob of who withdrew it."""
    return f"invoices/{invoice}/withdrawn.json"


def document_name(invoice: str) -> str:
    """The blob of the document."""
    return f"invoices/{invoice}/document"


def row_name(invoice: str) -> str:
    """The blob of the check's result."""
    return f"invoices/{invoice}/result.json"


def route_name(invoice: str) -> str:
    """The blob of what the policy said."""
    return f"invoices/{invoice}/route.json"

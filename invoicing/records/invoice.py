"""An invoice that came alone, as it was taken in."""

from __future__ import annotations

from invoicing.records.base import InvoiceId, Moment, Person, Record


class InvoiceWithdrawn(Record):
    """Who withdrew an invoice, and why."""

    who: str
    why: str
    at: Moment


class InvoiceRecord(Record):
    """What was taken in: written once. `size` in bytes; `sender`: who sent it in, where that is known.

    `fingerprint`: hash of what was asked for, by which an equal request is known.
    """

    id: InvoiceId
    created: Moment
    name: str
    size: int
    sha256: str
    sender: Person | None
    fingerprint: str

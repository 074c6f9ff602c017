"""What the API says of an invoice that came alone, with the addresses to go on to."""

from __future__ import annotations

from invoicing.records.answers.invoices import Invoice, InvoiceStatus
from triggers.own_links import OwnLinks


def view(status: InvoiceStatus, own: OwnLinks, approvals: OwnLinks) -> Invoice:
    """The answer about an invoice; `own` and `approvals` are links to the collections."""
    found = links(own, status.id)
    if status.approval:
        found["approval"] = approvals.to(f"/{status.approval}")
    return Invoice.model_validate({**dict(status), "links": found})


def links(own: OwnLinks, invoice: str) -> dict[str, str]:
    """Where to go from here; our own addresses, never those of the host's management API."""
    return {"self": own.to(f"/{invoice}")}

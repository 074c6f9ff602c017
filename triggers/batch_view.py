"""What the API says of a batch, with the addresses to go on to.

They are our own, never those of the host's management API.
"""

from __future__ import annotations

from typing import get_args

from invoicing.records.answers.batches import Batch, BatchState, BatchStatus
from invoicing.records.batch_steps import ReportFormat
from triggers.own_links import OwnLinks

_REPORTS = get_args(ReportFormat)


def view(status: BatchStatus, own: OwnLinks) -> Batch:
    """The answer about a batch; `own` are links to the collection."""
    return Batch.model_validate({**dict(status), "links": links(own, status.id, status.status)})


def links(own: OwnLinks, batch: str, state: BatchState) -> dict[str, str]:
    """Where to go from here."""
    found = {"self": own.to(f"/{batch}")}
    if state == "completed":
        found |= {f"report_{kind}": own.to(f"/{batch}/report", format=kind) for kind in _REPORTS}
        # The braces stand for a number that the caller fills in.
        found["documents"] = own.to(f"/{batch}/documents/{{n}}")
    return found

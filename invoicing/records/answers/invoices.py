"""What the API says of invoices that came alone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from invoicing.findings import Finding
from invoicing.records.answers.common import Checked, FullyChecked, Links, Sha256, TimeInMilliseconds, Whole
from invoicing.records.base import Record, optional
from invoicing.records.document import InvoiceSummary
from invoicing.records.problem import Problem

InvoiceState = Literal[
    "running",
    "booked",
    "rejected",
    "expired",
    "invalid",
    "unreadable",
    "set_aside",
    "duplicate",
    "failed",
    "stopped",
    "withdrawn",
    "completed",
    "missing",
]

#: States from which the same document may be sent again: nothing came of it, and not by anybody's decision.
RESTARTED_FROM: frozenset[InvoiceState] = frozenset(
    {"missing", "failed", "stopped", "withdrawn", "set_aside"}
)


class InvoiceAccepted(Record):
    """An invoice that was taken in, now or before."""

    id: str
    status: InvoiceState
    created: TimeInMilliseconds
    links: Links


class InvoiceStatus(Record):
    """What became of an invoice, apart from where to go on."""

    id: Annotated[str, Field(json_schema_extra={"pattern": "^i[0-9a-f]{24}$"})]
    status: InvoiceState
    phase: Annotated[str, Field(description="The step while it runs, else the status.")]
    created: TimeInMilliseconds
    name: str
    size: Whole
    sha256: Sha256
    sender: str | None
    approval: str | None
    stage: str | None = optional()
    by: str | None = optional(description="Who decided, or withdrew it.")
    why: str | None = optional(description="Why it was withdrawn.")
    holder: str | None = optional(description="Of a duplicate: the document that came first.")
    undone: tuple[str, ...] | None = optional(description="Steps that were taken back, in that order.")
    not_undone: tuple[str, ...] | None = optional()
    invoice: InvoiceSummary | None
    findings: tuple[Finding, ...]
    checked: Checked
    fully_checked: FullyChecked
    error: Problem | None

    @property
    def has_ended(self) -> bool:
        """Whether it changes no more."""
        return self.status not in ("running", "missing")


class Invoice(InvoiceStatus):
    """What became of an invoice."""

    links: Links

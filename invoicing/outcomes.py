"""Rows that do not come from a check that went well: duplicates, documents set aside, and those not taken."""

from __future__ import annotations

from dataclasses import dataclass

from invoicing.findings import Finding, finding
from invoicing.records.document import DocumentRow, Outcome


@dataclass(frozen=True, slots=True)
class RowLine:
    """A row as it is kept: the document's number and outcome, and the row's line of JSON (UTF-8)."""

    n: int
    outcome: Outcome
    text: bytes


def line_of(row: DocumentRow) -> RowLine:
    """The line of a row."""
    return RowLine(row.n, row.outcome, row.as_json())


def duplicate_row(row: DocumentRow, owner: str, holder: str) -> DocumentRow:
    """The row of a valid document whose supplier and number another document holds.

    `owner`: the batch (or invoice) that the document belongs to. `holder`: who holds the number, as `b…/17`;
    `i…/1` is an invoice that came alone.
    """
    other, _, document = holder.partition("/")
    where = f"document {int(document)} of " + ("this batch" if other == owner else f"batch {other}")
    if other.startswith("i"):
        where = f"invoice {other}"
    text = f"The supplier sent an invoice of this number before: it is {where}."
    findings = (*row.findings, finding("SETTLE-DUPLICATE", text))
    return row.model_copy(update={"outcome": "duplicate", "findings": findings})


def set_aside_row(n: int, name: str, size: int, sha256: str, reason: str) -> DocumentRow:
    """The row of a document that could not be processed; `reason` says why, in words for people."""
    text = f"The document could not be processed and was set aside. {reason}"
    return _without_invoice(n, name, size, sha256, "set_aside", finding("SETTLE-SET-ASIDE", text))


def refused_row(n: int, name: str, size: int, reason: Finding) -> DocumentRow:
    """The row of a document that was not taken; `reason` says why."""
    return _without_invoice(n, name, size, None, "unreadable", reason)


def _without_invoice(
    n: int, name: str, size: int, sha256: str | None, outcome: Outcome, reason: Finding
) -> DocumentRow:
    return DocumentRow(
        n=n,
        name=name,
        size=size,
        sha256=sha256,
        kind=None,
        profile=None,
        en16931=False,
        outcome=outcome,
        invoice=None,
        claim=None,
        findings=(reason,),
    )

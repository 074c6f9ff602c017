"""One row per document: the columns that the CSV and the spreadsheet have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from invoicing.findings import Severity
from invoicing.records.document import DocumentRow, InvoiceSummary
from invoicing.report.words import KINDS, OUTCOMES, checked_against

Kind = Literal["text", "amount", "date", "count"]
Value = str | int | Decimal | date | None


@dataclass(frozen=True)
class Column:
    """A column: heading, what its values are, width in characters, and how to get the value of a row."""

    heading: str
    kind: Kind
    width: int
    value: Callable[[DocumentRow], Value]


def _of_invoice(value: Callable[[InvoiceSummary], Value]) -> Callable[[DocumentRow], Value]:
    return lambda row: value(row.invoice) if row.invoice else None


def _severity(severity: Severity) -> Callable[[DocumentRow], int]:
    return lambda row: sum(finding.severity == severity for finding in row.findings)


def _rules(row: DocumentRow) -> str:
    return " ".join(dict.fromkeys(finding.rule for finding in row.findings))


DOCUMENT_COLUMNS = (
    Column("No.", "count", 7, lambda row: row.n),
    Column("File", "text", 34, lambda row: row.name),
    Column("Outcome", "text", 13, lambda row: OUTCOMES[row.outcome]),
    Column("Format", "text", 16, lambda row: KINDS[row.kind] if row.kind else None),
    Column("Number", "text", 18, _of_invoice(lambda invoice: invoice.number)),
    Column("Type", "text", 6, _of_invoice(lambda invoice: invoice.type_code)),
    Column("Issued", "date", 12, _of_invoice(lambda invoice: invoice.issue_date)),
    Column("Due", "date", 12, _of_invoice(lambda invoice: invoice.due_date)),
    Column("Supplier", "text", 30, _of_invoice(lambda invoice: invoice.seller)),
    Column("Supplier VAT id", "text", 18, _of_invoice(lambda invoice: invoice.seller_vat_id)),
    Column("Country", "text", 8, _of_invoice(lambda invoice: invoice.seller_country)),
    Column("Buyer", "text", 26, _of_invoice(lambda invoice: invoice.buyer)),
    Column("Order", "text", 16, _of_invoice(lambda invoice: invoice.order_reference)),
    Column("Currency", "text", 9, _of_invoice(lambda invoice: invoice.currency)),
    Column("Net", "amount", 13, _of_invoice(lambda invoice: invoice.net)),
    Column("VAT", "amount", 13, _of_invoice(lambda invoice: invoice.tax)),
    Column("Gross", "amount", 13, _of_invoice(lambda invoice: invoice.gross)),
    Column("Payable", "amount", 13, _of_invoice(lambda invoice: invoice.payable)),
    Column("IBAN", "text", 28, _of_invoice(lambda invoice: invoice.iban)),
    Column("Errors", "count", 8, _severity("fatal")),
    Column("Warnings", "count", 9, _severity("warning")),
    Column("Rules", "text", 40, _rules),
    Column("Checked against", "text", 30, checked_against),
    Column("Bytes", "count", 9, lambda row: row.size),
    Column("SHA-256", "text", 20, lambda row: row.sha256),
)

"""One row per document: the columns that the CSV and the spreadsheet have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from invoicing.report.words import KINDS, OUTCOMES

Kind = Literal["text", "amount", "date", "count"]


@dataclass(frozen=True)
class Column:
    """A column: heading, what its values are, width in characters, and how to get the value of a row."""

    heading: str
    kind: Kind
    width: int
    value: Callable[[Mapping[str, Any]], Any]


def _of_row(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda row: row[name]


def _of_invoice(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda row: row["invoice"][name] if row["invoice"] else None


def _severity(name: str) -> Callable[[Mapping[str, Any]], int]:
    return lambda row: sum(finding["severity"] == name for finding in row["findings"])


def _rules(row: Mapping[str, Any]) -> str:
    return " ".join(dict.fromkeys(finding["rule"] for finding in row["findings"]))


DOCUMENT_COLUMNS = (
    Column("No.", "count", 7, _of_row("n")),
    Column("File", "text", 34, _of_row("name")),
    Column("Outcome", "text", 13, lambda row: OUTCOMES.get(row["outcome"], row["outcome"])),
    Column("Format", "text", 16, lambda row: KINDS.get(row["kind"] or "", row["kind"])),
    Column("Number", "text", 18, _of_invoice("number")),
    Column("Type", "text", 6, _of_invoice("type_code")),
    Column("Issued", "date", 12, _of_invoice("issue_date")),
    Column("Due", "date", 12, _of_invoice("due_date")),
    Column("Supplier", "text", 30, _of_invoice("seller")),
    Column("Supplier VAT id", "text", 18, _of_invoice("seller_vat_id")),
    Column("Country", "text", 8, _of_invoice("seller_country")),
    Column("Buyer", "text", 26, _of_invoice("buyer")),
    Column("Order", "text", 16, _of_invoice("order_reference")),
    Column("Currency", "text", 9, _of_invoice("currency")),
    Column("Net", "amount", 13, _of_invoice("net")),
    Column("VAT", "amount", 13, _of_invoice("tax")),
    Column("Gross", "amount", 13, _of_invoice("gross")),
    Column("Payable", "amount", 13, _of_invoice("payable")),
    Column("IBAN", "text", 28, _of_invoice("iban")),
    Column("Errors", "count", 8, _severity("fatal")),
    Column("Warnings", "count", 9, _severity("warning")),
    Column("Rules", "text", 40, _rules),
    Column("Bytes", "count", 9, _of_row("size")),
    Column("SHA-256", "text", 20, _of_row("sha256")),
)

"""The report as one HTML page that needs nothing else: no script, no font, no picture from anywhere.

Documents that need attention come first, so it goes through the rows twice: memory does not grow with the
batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import BinaryIO

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from invoicing.document_types import is_credit_note
from invoicing.records.document import DocumentRow, InvoiceSummary, Outcome
from invoicing.records.report import BatchTotals, ReportHead
from invoicing.report.charts import bars, stacked_bar
from invoicing.report.finding_groups import ShownFinding, grouped
from invoicing.report.totals import number_of
from invoicing.report.words import KINDS, OUTCOMES, SEVERITIES, VAT_CATEGORIES, checked_against, plain

_TEMPLATES = Path(__file__).parent / "templates"
_MOST_FINDINGS = 12  # of one document; the spreadsheet has all
_MOST_BARS = 8
_PIECES = 200  # of the template that are written at a time


@dataclass(frozen=True)
class _ShownDocument:
    """A document as the page shows it; `more`: findings that found no room."""

    n: int
    name: str
    outcome: Outcome
    kind: str
    checked: str
    findings: list[ShownFinding]
    more: int
    invoice: InvoiceSummary | None
    credit: bool
    amount: str | None
    currency: str


def write_html(head: ReportHead, totals: BatchTotals, rows: Iterable[DocumentRow], out: BinaryIO) -> None:
    """Write the page; links in it are relative to the report: ``documents/17``, ``report?format=csv``."""
    stream = _template().stream(
        head=head,
        totals=totals,
        outcomes=[(name, label, totals.outcomes.get(name, 0)) for name, label in OUTCOMES.items()],
        attention=(_document(row) for row in rows if row.outcome != "valid"),
        in_order=(_document(row) for row in rows if row.outcome == "valid"),
        outcome_chart=_outcome_chart(totals),
        supplier_chart=_supplier_chart(totals),
        tax_chart=_tax_chart(totals),
    )
    stream.enable_buffering(_PIECES)
    for piece in stream:
        out.write(piece.encode("utf-8", "replace"))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    filters: dict[str, Callable[..., object]] = {
        "amount": _amount,
        "moment": _moment,
        "plain": plain,
        "count": _count,
        "category": _category,
        "severity": SEVERITIES.__getitem__,
        "outcome": OUTCOMES.__getitem__,
    }
    environment.filters.update(filters)
    return environment.get_template("report.html.j2")


def _count(number: int) -> str:
    return f"{number:,}"


def _category(code: str) -> str:
    return VAT_CATEGORIES.get(code, code or "not stated")


def _document(row: DocumentRow) -> _ShownDocument:
    """Return what the page shows of a row."""
    findings = grouped(row.findings)
    invoice = row.invoice
    return _ShownDocument(
        n=row.n,
        name=row.name,
        outcome=row.outcome,
        kind=KINDS[row.kind] if row.kind else "",
        checked=checked_against(row),
        findings=findings[:_MOST_FINDINGS],
        more=len(findings[_MOST_FINDINGS:]),
        invoice=invoice,
        credit=invoice is not None and is_credit_note(invoice.type_code),
        amount=_amount_of(invoice) if invoice else None,
        currency=(invoice.currency if invoice else None) or "",
    )


def _amount_of(invoice: InvoiceSummary) -> str | None:
    amount = invoice.payable if invoice.gross is None else invoice.gross
    if amount is None:
        return None
    return _amount(-number_of(amount) if is_credit_note(invoice.type_code) else amount)


def _amount(value: Decimal) -> str:
    """Return 1234.5 as 1,234.50, with a true minus sign."""
    return f"{number_of(value):,.2f}".replace("-", "\u2212")


def _moment(moment: datetime) -> str:
    """Return a time as a person writes it."""
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname()}"


def _outcome_chart(totals: BatchTotals) -> str:
    parts = [(name, label, totals.outcomes.get(name, 0)) for name, label in OUTCOMES.items()]
    return stacked_bar("chart-outcomes", "Documents by outcome", [part for part in parts if part[2]])


def _main_currency(totals: BatchTotals) -> str | None:
    return totals.currencies[0].currency if totals.currencies else None


def _supplier_chart(totals: BatchTotals) -> str | None:
    currency = _main_currency(totals)
    top = [sums for sums in totals.suppliers if currency and sums.currency == currency]
    values = [(sums.supplier, sums.gross, _amount(sums.gross)) for sums in top[:_MOST_BARS]]
    return bars("chart-suppliers", f"Largest suppliers, gross in {currency}", values) if values else None


def _tax_chart(totals: BatchTotals) -> str | None:
    currency = _main_currency(totals)
    rates: dict[str, Decimal] = {}
    for sums in totals.tax:
        if sums.currency == currency and sums.tax:
            rates[sums.rate] = rates.get(sums.rate, Decimal(0)) + sums.tax
    top = sorted(rates.items(), key=lambda item: -item[1])[:_MOST_BARS]
    values = [(f"{rate} %", tax, _amount(tax)) for rate, tax in top]
    return bars("chart-tax", f"VAT by rate, in {currency}", values) if values else None

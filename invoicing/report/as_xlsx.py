"""The report as a spreadsheet with the sheets Documents, Findings and Totals.

Text stays text: nothing that came from a document becomes a formula or a link. Equal rows make equal bytes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import BinaryIO, Protocol, cast

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from invoicing.records.batch import in_milliseconds
from invoicing.records.document import DocumentRow, InvoiceSummary
from invoicing.records.report import BatchTotals, ReportHead, Sums
from invoicing.report.columns import DOCUMENT_COLUMNS
from invoicing.report.totals import number_of
from invoicing.report.words import OUTCOMES, SEVERITIES, VAT_CATEGORIES, plain

MAX_ROWS = 1_048_576  # of a sheet, as the format has it
_MAX_TEXT = 32_767  # of a cell
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
# A spreadsheet holds no date before.
_FIRST_YEAR = 1900
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_Cell = str | int | float | None

_FINDING_HEADINGS = (
    ("No.", 7),
    ("File", 34),
    ("Number", 18),
    ("Supplier", 30),
    ("Severity", 10),
    ("Rule", 20),
    ("In plain words", 60),
    ("Text", 80),
    ("Place", 50),
)


def write_xlsx(head: ReportHead, totals: BatchTotals, rows: Iterable[DocumentRow], out: BinaryIO) -> None:
    """Write the workbook, one row in memory at a time; the totals say how many findings found no room."""
    with xlsxwriter.Workbook(out, _OPTIONS) as workbook:
        book = cast(_Book, workbook)
        # The time of writing would change the bytes.
        book.set_properties({"title": "Invoice batch report", "created": head.finished.replace(tzinfo=None)})
        formats = _Formats(book)
        documents = book.add_worksheet("Documents")
        findings = book.add_worksheet("Findings")
        summary = book.add_worksheet("Totals")
        _head(documents, [(c.heading, c.width) for c in DOCUMENT_COLUMNS], formats)
        _head(findings, _FINDING_HEADINGS, formats)
        line = 1
        last = 0
        for last, row in enumerate(rows, start=1):
            _document(documents, last, row, formats)
            line = _findings(findings, line, row)
        documents.autofilter(0, 0, last, len(DOCUMENT_COLUMNS) - 1)
        findings.autofilter(0, 0, min(line, MAX_ROWS) - 1, len(_FINDING_HEADINGS) - 1)
        _Summary(summary, formats).write(head, totals, left_out=max(0, line - MAX_ROWS))


class _Book(Protocol):
    """What is used of a workbook, with the types that its package does not have."""

    def set_properties(self, properties: Mapping[str, object]) -> None: ...

    def add_worksheet(self, name: str) -> Worksheet: ...

    def add_format(self, properties: Mapping[str, object]) -> Format: ...


class _Formats:
    def __init__(self, book: _Book) -> None:
        made = book.add_format
        self.head = made(
            {"bold": True, "bg_color": "#E4ECF2", "bottom": 1, "valign": "top", "text_wrap": True}
        )
        self.title = made({"bold": True, "font_size": 14})
        self.section = made({"bold": True, "font_size": 12})
        self.amount = made({"num_format": "#,##0.00"})
        self.date = made({"num_format": "yyyy-mm-dd", "align": "left"})


def _head(sheet: Worksheet, headings: Sequence[tuple[str, int]], formats: _Formats) -> None:
    sheet.freeze_panes(1, 2)
    for at, (heading, width) in enumerate(headings):
        sheet.set_column(at, at, width)
        sheet.write_string(0, at, heading, formats.head)


def _document(sheet: Worksheet, line: int, row: DocumentRow, formats: _Formats) -> None:
    for at, column in enumerate(DOCUMENT_COLUMNS):
        value = column.value(row)
        if value is None:
            continue
        if isinstance(value, Decimal):
            sheet.write_number(line, at, float(number_of(value)), formats.amount)
        elif isinstance(value, int):
            sheet.write_number(line, at, value)
        elif isinstance(value, date) and value.year >= _FIRST_YEAR:
            sheet.write_datetime(line, at, datetime(value.year, value.month, value.day), formats.date)
        else:
            sheet.write_string(line, at, _text(str(value)))


def _findings(sheet: Worksheet, line: int, row: DocumentRow) -> int:
    """Write a line for each finding; returns the line after them, also where the sheet is full before."""
    invoice = row.invoice or InvoiceSummary()
    for finding in row.findings:
        if line < MAX_ROWS:
            sheet.write_number(line, 0, row.n)
            texts = (
                row.name,
                invoice.number,
                invoice.seller,
                SEVERITIES[finding.severity],
                finding.rule,
                plain(finding.rule),
                finding.text,
                finding.place,
            )
            for at, text in enumerate(texts, start=1):
                if text:
                    sheet.write_string(line, at, _text(text))
        line += 1
    return line


class _Summary:
    """Writes the sheet of totals, table under table."""

    def __init__(self, sheet: Worksheet, formats: _Formats) -> None:
        self._sheet = sheet
        self._formats = formats
        self._line = 0
        for at, width in enumerate((32, 20, 14, 12, 14, 16, 16, 16, 16)):
            sheet.set_column(at, at, width)

    def write(self, head: ReportHead, totals: BatchTotals, left_out: int) -> None:
        self._cell(0, "Invoice batch report", self._formats.title)
        self._line += 1
        for label, text in _head_rows(head):
            if text:
                self._row([label, text])
        if left_out:
            self._row(["Findings left out of their sheet, which is full (the JSON has them)", left_out])
        self._table("By outcome", ["Outcome", "Documents"], _outcome_rows(totals))
        amounts = ["Documents", "Credit notes", "Net", "VAT", "Gross", "Payable"]
        self._table(
            "By currency (documents in order; credit notes subtracted)",
            ["Currency", *amounts],
            [[sums.currency, *_money(sums)] for sums in totals.currencies],
        )
        self._table(
            "Not counted (errors, duplicates)",
            ["Outcome", "Currency", *amounts],
            [[OUTCOMES[sums.outcome], sums.currency, *_money(sums)] for sums in totals.not_counted],
        )
        self._table(
            "By supplier",
            ["Supplier", "VAT id", "Country", "Currency", *amounts],
            [
                [sums.supplier, sums.vat_id, sums.country, sums.currency, *_money(sums)]
                for sums in totals.suppliers
            ],
        )
        self._table(
            "By VAT rate",
            ["Category", "Rate %", "Currency", "Documents", "Taxable", "VAT"],
            _tax_rows(totals),
        )
        self._table(
            "By rule", ["Rule", "Severity", "Documents", "Findings", "In plain words"], _rule_rows(totals)
        )

    def _table(self, title: str, headings: Sequence[str], rows: Sequence[Sequence[_Cell]]) -> None:
        if not rows:
            return
        self._line += 1
        self._row([title], self._formats.section)
        self._row(headings, self._formats.head)
        for row in rows:
            self._row(row)

    def _row(self, values: Sequence[_Cell], form: Format | None = None) -> None:
        for at, value in enumerate(values):
            self._cell(at, value, form)
        self._line += 1

    def _cell(self, at: int, value: _Cell, form: Format | None = None) -> None:
        if isinstance(value, float):
            self._sheet.write_number(self._line, at, value, self._formats.amount)
        elif isinstance(value, int):
            self._sheet.write_number(self._line, at, value)
        elif value:
            self._sheet.write_string(self._line, at, _text(value), form)


def _head_rows(head: ReportHead) -> list[tuple[str, str]]:
    return [
        ("Source", head.source),
        ("Batch", head.batch),
        ("Received", in_milliseconds(head.created)),
        ("Finished", head.finished.isoformat()),
    ]


def _outcome_rows(totals: BatchTotals) -> list[list[_Cell]]:
    counts = totals.outcomes
    rows: list[list[_Cell]] = [[label, counts[name]] for name, label in OUTCOMES.items() if name in counts]
    return [*rows, ["All", totals.documents]]


def _tax_rows(totals: BatchTotals) -> list[list[_Cell]]:
    return [
        [
            VAT_CATEGORIES.get(sums.category, sums.category),
            sums.rate,
            sums.currency,
            sums.documents,
            float(sums.taxable),
            float(sums.tax),
        ]
        for sums in totals.tax
    ]


def _rule_rows(totals: BatchTotals) -> list[list[_Cell]]:
    return [
        [count.rule, SEVERITIES[count.severity], count.documents, count.findings, plain(count.rule)]
        for count in totals.rules
    ]


def _money(sums: Sums) -> list[_Cell]:
    amounts = [float(amount) for amount in (sums.net, sums.tax, sums.gross, sums.payable)]
    return [sums.documents, sums.credit_notes, *amounts]


def _text(value: str) -> str:
    clean = _UNWRITABLE.sub("\ufffd", value)
    return clean if len(clean) <= _MAX_TEXT else clean[: _MAX_TEXT - 1] + "…"

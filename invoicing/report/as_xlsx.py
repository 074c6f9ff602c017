"""The report as a spreadsheet with the sheets Documents, Findings and Totals.

Text stays text: nothing that came from a document becomes a formula or a link. Equal rows make equal bytes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from invoicing.report.columns import DOCUMENT_COLUMNS
from invoicing.report.totals import number_of
from invoicing.report.words import OUTCOMES, SEVERITIES, VAT_CATEGORIES, plain

MAX_ROWS = 1_048_576  # of a sheet, as the format has it
_MAX_TEXT = 32_767  # of a cell
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
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


def write_xlsx(
    head: Mapping[str, Any], totals: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], out: BinaryIO
) -> None:
    """Write the workbook, one row in memory at a time; the totals say how many findings found no room."""
    with xlsxwriter.Workbook(out, _OPTIONS) as book:
        book.set_properties({"title": "Invoice batch report", "created": _moment(head)})
        formats = _Formats(book)
        documents, findings, summary = (book.add_worksheet(n) for n in ("Documents", "Findings", "Totals"))
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


class _Formats:
    def __init__(self, book: Workbook) -> None:
        def made(properties: dict[str, Any]) -> Format:
            return book.add_format(properties)

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


def _document(sheet: Worksheet, line: int, row: Mapping[str, Any], formats: _Formats) -> None:
    for at, column in enumerate(DOCUMENT_COLUMNS):
        value = column.value(row)
        if value is None:
            continue
        if column.kind == "amount":
            sheet.write_number(line, at, float(number_of(value)), formats.amount)
        elif column.kind == "count":
            sheet.write_number(line, at, value)
        elif column.kind == "date" and (day := _day(value)):
            sheet.write_datetime(line, at, day, formats.date)
        else:
            sheet.write_string(line, at, _text(value))


def _findings(sheet: Worksheet, line: int, row: Mapping[str, Any]) -> int:
    invoice = row["invoice"] or {"number": "", "seller": ""}
    for finding in row["findings"]:
        if line < MAX_ROWS:
            rule = finding["rule"]
            sheet.write_number(line, 0, row["n"])
            texts = (
                row["name"],
                invoice["number"],
                invoice["seller"],
                SEVERITIES[finding["severity"]],
                rule,
                plain(rule),
                finding["text"],
                finding["place"],
            )
            for at, text in enumerate(texts, start=1):
                if text:
                    sheet.write_string(line, at, _text(text))
        line += 1
    return line


class _Summary:
    """Writes the sheet of totals, table under table."""

    def __init__(self, sheet: Worksheet, formats: _Formats) -> None:
        self._sheet, self._formats, self._line = sheet, formats, 0
        for at, width in enumerate((32, 20, 14, 12, 14, 16, 16, 16, 16)):
            sheet.set_column(at, at, width)

    def write(self, head: Mapping[str, Any], totals: Mapping[str, Any], left_out: int) -> None:
        self._cell(0, "Invoice batch report", self._formats.title)
        self._line += 1
        for name, label in _HEAD_LABELS:
            if head.get(name):
                self._row([label, str(head[name])])
        if left_out:
            self._row(["Findings left out of their sheet, which is full (the JSON has them)", left_out])
        self._table("By outcome", ["Outcome", "Documents"], _outcome_rows(totals))
        amounts = ["Documents", "Credit notes", "Net", "VAT", "Gross", "Payable"]
        self._table(
            "By currency (documents in order; credit notes subtracted)",
            ["Currency", *amounts],
            [[t["currency"], *_money(t)] for t in totals["currencies"]],
        )
        self._table(
            "Not counted (errors, duplicates)",
            ["Outcome", "Currency", *amounts],
            [
                [OUTCOMES.get(t["outcome"], t["outcome"]), t["currency"], *_money(t)]
                for t in totals["not_counted"]
            ],
        )
        self._table(
            "By supplier",
            ["Supplier", "VAT id", "Country", "Currency", *amounts],
            [
                [t["supplier"], t["vat_id"], t["country"], t["currency"], *_money(t)]
                for t in totals["suppliers"]
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

    def _table(self, title: str, headings: list[str], rows: list[list[Any]]) -> None:
        if not rows:
            return
        self._line += 1
        self._row([title], self._formats.section)
        self._row(headings, self._formats.head)
        for row in rows:
            self._row(row)

    def _row(self, values: list[Any], form: Format | None = None) -> None:
        for at, value in enumerate(values):
            self._cell(at, value, form)
        self._line += 1

    def _cell(self, at: int, value: Any, form: Format | None = None) -> None:
        if isinstance(value, float):
            self._sheet.write_number(self._line, at, value, self._formats.amount)
        elif isinstance(value, int):
            self._sheet.write_number(self._line, at, value)
        elif value:
            self._sheet.write_string(self._line, at, _text(value), form)


_HEAD_LABELS = (("source", "Source"), ("batch", "Batch"), ("created", "Received"), ("finished", "Finished"))


def _outcome_rows(totals: Mapping[str, Any]) -> list[list[Any]]:
    counts = totals["outcomes"]
    rows: list[list[Any]] = [[label, counts[name]] for name, label in OUTCOMES.items() if name in counts]
    return [*rows, ["All", totals["documents"]]]


def _tax_rows(totals: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [
            VAT_CATEGORIES.get(tax["category"], tax["category"]),
            tax["rate"],
            tax["currency"],
            tax["documents"],
            float(tax["taxable"]),
            float(tax["tax"]),
        ]
        for tax in totals["tax"]
    ]


def _rule_rows(totals: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [rule["rule"], SEVERITIES[rule["severity"]], rule["documents"], rule["findings"], plain(rule["rule"])]
        for rule in totals["rules"]
    ]


def _money(total: Mapping[str, Any]) -> list[Any]:
    amounts = [float(total[name]) for name in ("net", "tax", "gross", "payable")]
    return [total["documents"], total["credit_notes"], *amounts]


def _text(value: str) -> str:
    clean = _UNWRITABLE.sub("\ufffd", value)
    return clean if len(clean) <= _MAX_TEXT else clean[: _MAX_TEXT - 1] + "…"


def _day(value: str) -> datetime | None:
    """Return the date of an ISO text, or None for what a spreadsheet cannot hold as a date (before 1900)."""
    if not _ISO_DATE.match(value):
        return None
    try:
        day = datetime.fromisoformat(value[:10])
    except ValueError:
        return None
    return day if day.year >= 1900 else None


def _moment(head: Mapping[str, Any]) -> datetime:
    """Return the time of the batch as the workbook's own: the time of writing would change its bytes."""
    try:
        return datetime.fromisoformat(str(head.get("finished") or head.get("created"))).replace(tzinfo=None)
    except ValueError:
        return datetime(2000, 1, 1)

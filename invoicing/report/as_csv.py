"""The report as CSV: one line per document, for spreadsheets and for programs.

RFC 4180 (comma, CRLF, quotes), with a byte-order mark so that Excel reads it as UTF-8. No cell can become a
formula (OWASP, "CSV Injection"): text that a spreadsheet might calculate is prefixed with an apostrophe.
"""

import csv
import io
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import BinaryIO

from invoicing.records.document import DocumentRow
from invoicing.records.report import BatchTotals, ReportHead
from invoicing.report.columns import DOCUMENT_COLUMNS, Value

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_FORMULA = re.compile(r"[\s'\"]*[=+\-@＝＋－＠]")
# A spreadsheet that expects another separator cuts a cell in two, and the second half would calculate.
_FORMULA_INSIDE = re.compile(r"([;,|\"]\s*)(?=[=@＝＠]|[+\-＋－][^\d\s])")
_SPACES = re.compile(r"[\x00-\x20\x7f\x85\u2028\u2029]+")
_BATCH_OF_LINES = 500


def write_csv(head: ReportHead, totals: BatchTotals, rows: Iterable[DocumentRow], out: BinaryIO) -> None:
    """Write a heading line and one line per document; head and totals are for the other formats."""
    out.write(b"\xef\xbb\xbf")
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([column.heading for column in DOCUMENT_COLUMNS])
    for at, row in enumerate(rows, start=1):
        writer.writerow([safe_cell(column.value(row)) for column in DOCUMENT_COLUMNS])
        if at % _BATCH_OF_LINES == 0:
            _flush(buffer, out)
    _flush(buffer, out)


def safe_cell(value: Value) -> str:
    """Return a value as the text of one cell that no spreadsheet takes for a formula; a number stays one."""
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    text = _SPACES.sub(" ", str(value)).strip()
    if _NUMBER.fullmatch(text):
        return text
    if _FORMULA.match(text):
        text = "'" + text
    return _FORMULA_INSIDE.sub(r"\1'", text)


def _flush(buffer: io.StringIO, out: BinaryIO) -> None:
    out.write(buffer.getvalue().encode("utf-8", "replace"))
    buffer.seek(0)
    buffer.truncate()

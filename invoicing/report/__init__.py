"""Reports on a batch, written as a stream: memory does not grow with the number of rows.

Add every row to a `Totals` in a first pass; then each writer takes head, totals, rows (in order of n, with
duplicates and set-aside applied) and a binary file. Some go through the rows more than once, so an iterator
will not do.
"""

from collections.abc import Callable, Iterable
from typing import BinaryIO

from invoicing.records.batch_steps import ReportFormat
from invoicing.records.document import DocumentRow
from invoicing.records.report import BatchTotals, ReportHead
from invoicing.report.as_csv import write_csv
from invoicing.report.as_html import write_html
from invoicing.report.as_json import write_json
from invoicing.report.as_xlsx import write_xlsx
from invoicing.report.totals import Totals

Writer = Callable[[ReportHead, BatchTotals, Iterable[DocumentRow], BinaryIO], None]

WRITERS: dict[ReportFormat, tuple[str, Writer]] = {
    "json": ("application/json; charset=utf-8", write_json),
    "csv": ("text/csv; charset=utf-8", write_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", write_xlsx),
    "html": ("text/html; charset=utf-8", write_html),
}
"""Format -> (media type, writer)."""

__all__ = ["WRITERS", "Totals", "Writer", "write_csv", "write_html", "write_json", "write_xlsx"]

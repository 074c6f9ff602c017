"""The report as JSON: head, totals, and every document with its findings."""

from collections.abc import Iterable
from typing import BinaryIO

from invoicing.records.document import DocumentRow
from invoicing.records.report import BatchTotals, ReportHead


def write_json(head: ReportHead, totals: BatchTotals, rows: Iterable[DocumentRow], out: BinaryIO) -> None:
    """Write ``{"head", "totals", "documents": [...]}`` as UTF-8, a line for each document."""
    out.write(b'{"head":' + head.as_json() + b',\n"totals":' + totals.as_json() + b',\n"documents":[')
    separator = b"\n"
    for row in rows:
        out.write(separator + row.as_json())
        separator = b",\n"
    out.write(b"\n]}\n")

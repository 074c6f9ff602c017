"""The report as JSON: head, totals, and every document with its findings."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO


def write_json(
    head: Mapping[str, Any], totals: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], out: BinaryIO
) -> None:
    """Write ``{"head", "totals", "documents": [...]}`` as UTF-8, a line for each document."""
    out.write(b'{"head":' + _encoded(head) + b',\n"totals":' + _encoded(totals) + b',\n"documents":[')
    separator = b"\n"
    for row in rows:
        out.write(separator + _encoded(row))
        separator = b",\n"
    out.write(b"\n]}\n")


def _encoded(value: Mapping[str, Any]) -> bytes:
    # A lone surrogate cannot be written in UTF-8; text that has one is damaged already.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

"""Rows that change after the check: duplicates, and documents that were set aside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from invoicing.findings import MAX_TEXT, Finding, shortened


@dataclass(frozen=True, slots=True)
class RowLine:
    """A row as it is kept: the document's number and outcome, and the row's line of JSON (UTF-8)."""

    n: int
    outcome: str
    text: bytes


def line_of(row: dict[str, Any]) -> RowLine:
    """The line of a row."""
    # A name from outside may hold half a character, which no encoding of text can have.
    text = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")
    return RowLine(row["n"], row["outcome"], text)


def duplicate_row(row: dict[str, Any], batch: str, holder: str) -> dict[str, Any]:
    """The row of a valid document whose supplier and number another document holds (`holder`: `batch/n`).

    A holder `i…/1` is an invoice that came alone.
    """
    owner, _, document = holder.partition("/")
    where = f"document {int(document)} of " + ("this batch" if owner == batch else f"batch {owner}")
    if owner.startswith("i"):
        where = f"invoice {owner}"
    finding = Finding(
        rule="SETTLE-DUPLICATE",
        severity="fatal",
        text=f"The supplier sent an invoice of this number before: it is {where}.",
        place=None,
        source="settle",
    )
    return {**row, "outcome": "duplicate", "findings": [*row["findings"], finding.as_dict()]}


def set_aside_row(n: int, name: str, size: int, sha256: str, reason: str) -> dict[str, Any]:
    """The row of a document that could not be processed; `reason` says why, in words for people."""
    finding = Finding(
        rule="SETTLE-SET-ASIDE",
        severity="fatal",
        text=shortened(f"The document could not be processed and was set aside. {reason}", MAX_TEXT),
        place=None,
        source="settle",
    )
    return {
        "n": n,
        "name": name,
        "size": size,
        "sha256": sha256,
        "kind": None,
        "profile": None,
        "en16931": False,
        "outcome": "set_aside",
        "invoice": None,
        "claim": None,
        "findings": [finding.as_dict()],
    }

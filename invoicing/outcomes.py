"""Rows that change after the check: duplicates, and documents that were set aside."""

from __future__ import annotations

from typing import Any

from invoicing.findings import Finding


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
    """The row of a document that could not be processed; `reason` is the last failure's first line."""
    finding = Finding(
        rule="SETTLE-SET-ASIDE",
        severity="fatal",
        text=f"The document could not be processed and was set aside; the others went on. Cause: {reason}",
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

"""Requests of approvals, as routing writes them, with whatever is to be different."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from invoicing.approval import names
from invoicing.approval.facts import Facts
from invoicing.approval.policy import Stage
from invoicing.records.approval import ApprovalRequest, AskedDocument
from invoicing.records.base import ApprovalId, Reference
from invoicing.records.document import DocumentRow
from tests.unit.report_rows import row as valid_row

CREATED = datetime(2026, 5, 1, 10, tzinfo=UTC)


def asked(ref: str, *stages: Stage, row: dict[str, Any] | None = None, **changes: Any) -> ApprovalRequest:
    """What is to be approved: `row` is that of the document, `stages` are asked one after the other."""
    found = DocumentRow.model_validate(row or valid_row())
    amount = found.invoice.payable if found.invoice else None
    values: dict[str, Any] = {
        "approval": ApprovalId(names.approval_id(ref)),
        "ref": Reference(ref),
        "created": CREATED,
        "sender": None,
        "facts": Facts(abs(amount) if isinstance(amount, Decimal) else None, "EUR", False, frozenset()),
        "rule": "everything",
        "stages": stages,
        "document": AskedDocument(
            name=found.name, sha256=found.sha256 or "", kind=found.kind, ref=Reference(ref)
        ),
        "row": found,
    }
    return ApprovalRequest(**values | changes)

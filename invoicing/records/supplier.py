"""Suppliers, and the accounts that people approved."""

from __future__ import annotations

import hashlib
from typing import Literal

from invoicing.records.base import ApprovalId, Moment, Person, Record, Reference

IdKind = Literal["vat", "legal"]


def key_of(text: str) -> str:
    """32 hex digits that stand for a text in the names of what is stored."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class SupplierId(Record):
    """An id of a supplier as it is compared: letters and digits, case folded."""

    kind: IdKind
    value: str

    @property
    def key(self) -> str:
        """32 hex digits that stand for it."""
        return key_of(f"{self.kind}|{self.value}")


class ApprovedAccount(Record):
    """An account that people approved together with an id of its supplier, and the first invoice with both.

    `name`: the supplier's on that invoice.
    """

    supplier: SupplierId
    account: str
    name: str | None
    ref: Reference
    approval: ApprovalId | None
    approved_by: tuple[Person, ...]
    booked: Moment

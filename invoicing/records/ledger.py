"""What an entry of a ledger says besides who, when and what, and to whom an anchor was mailed."""

from __future__ import annotations

from typing import Literal

from invoicing.records.base import Record, optional

Outcome = Literal["approved", "rejected", "expired", "failed"]
"""How an approval ended. `failed`: the workflow could not go on; nothing that was approved before counts."""


class EntryDetail(Record):
    """`opened` says what the approval is about; `closed`: how it ended, and the reason where it failed.

    `booked`: the SHA-256 of each payable by its reference. `undone`: the reason. `asked`, `reassigned`: `to`
    whom.
    """

    ref: str | None = optional()
    outcome: Outcome | None = optional()
    reason: str | None = optional()
    payables: dict[str, str] | None = optional()
    to: tuple[str, ...] | None = optional()


class AnchorMailed(Record):
    """To whom the hash of an anchor was mailed; `number`: of the anchor."""

    number: int
    sha256: str
    to: tuple[str, ...]

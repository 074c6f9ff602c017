"""Ids, references and events of invoices and approvals."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

_INVOICE_ID = re.compile(r"i[0-9a-f]{24}")
_APPROVAL_ID = re.compile(r"a[0-9a-f]{24}")
_REFERENCE = re.compile(r"(?P<owner>i[0-9a-f]{24})|(?P<batch>b[0-9a-f]{24})/(?P<n>[1-9][0-9]{0,6})")
_UNIT = re.compile(r"b[0-9a-f]{24}-[0-9]{5,7}|i[0-9a-f]{24}")
_STAGE = re.compile(r"[a-z][a-z0-9-]{0,39}")


class ParsedReference(NamedTuple):
    """What an approval is about: an invoice that came alone, or document `n` of a batch."""

    owner: str
    n: int | None

    @property
    def batch(self) -> str | None:
        """The batch, where it is a document of one."""
        return self.owner if self.n is not None else None


def invoice_id(digest: str) -> str:
    """The id of an invoice: `i` and the first 24 digits of a SHA-256 (its content's, or its key's)."""
    return f"i{digest[:24]}"


def is_invoice_id(text: str) -> bool:
    """Say whether a text has the form of our invoice ids: `i` and 24 hex digits."""
    return _INVOICE_ID.fullmatch(text) is not None


def is_approval_id(text: str) -> bool:
    """Say whether a text has the form of our approval ids: `a` and 24 hex digits."""
    return _APPROVAL_ID.fullmatch(text) is not None


def is_stage_name(text: str) -> bool:
    """Say whether a text can name a stage: it becomes a part of the names of events."""
    return _STAGE.fullmatch(text) is not None


def approval_id(reference: str, run: int = 1) -> str:
    """The id of the approval of `i…` or `b…/17`; a second `run` follows one that ended without a payment."""
    parse_reference(reference)
    text = reference if run == 1 else f"{reference}#{run}"
    return f"a{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def parse_reference(text: str) -> ParsedReference:
    """Read `i…` or `b…/17`. Raises ValueError."""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ValueError(f"not the reference of an invoice: {text[:60]!r}")
    if match["owner"]:
        return ParsedReference(match["owner"], None)
    return ParsedReference(match["batch"], int(match["n"]))


def is_reference(text: str) -> bool:
    """Say whether a text has the form of `i…` or `b…/17`."""
    return _REFERENCE.fullmatch(text) is not None


def claim_owner(reference: str) -> str:
    """The name by which a document holds its claim: `i…/1` or `b…/17`."""
    return reference if "/" in reference else f"{reference}/1"


def event(stage: str, attempt: int) -> str:
    """The event that wakes an approval; each wait has its own, since two of one name share a slot."""
    return f"decision.{stage}.{attempt}"


def booking_unit(batch: str, pack: int) -> str:
    """What is booked together without a person: a pack of a batch. An invoice that came alone is its own."""
    return f"{batch}-{pack:05d}"


def is_booking_unit(text: str) -> bool:
    """Say whether a text has the form of what is booked together (`booking_unit`)."""
    return _UNIT.fullmatch(text) is not None


def is_of_unit(reference: str, unit: str) -> bool:
    """Say whether a document may be booked in this unit."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        return False
    return reference == unit if match["owner"] else unit.rpartition("-")[0] == match["batch"]

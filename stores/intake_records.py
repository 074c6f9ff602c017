"""What was written down when a batch or a single invoice was taken in: once, and never changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Protocol, TypeVar

from invoicing.records.batch import BatchRecord


class IntakeRecord(Protocol):
    """What both have in common."""

    @property
    def created(self) -> datetime:
        """When it was taken in."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of what was asked for."""
        ...


Record = TypeVar("Record", bound=IntakeRecord)


def to_bytes(record: BatchRecord) -> bytes:
    """The bytes that are stored."""
    return json.dumps({**asdict(record), "created": told(record.created)}).encode()


def told(moment: datetime) -> str:
    """A moment as records and answers have it: ISO 8601 with milliseconds."""
    return moment.isoformat(timespec="milliseconds")

"""What names of blobs of several kinds are made of."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

# Larger than any moment in milliseconds that something can be made at (year 2286).
_NEVER = 10**13
_DIGITS = 13


def newest_first(created: datetime) -> str:
    """13 digits for the beginning of a name: a listing by name is then one by time, the newest first."""
    return f"{_NEVER - int(created.timestamp() * 1000):013d}"


def moment_of_name(beginning: str) -> datetime | None:
    """The moment that the beginning of such a name stands for (UTC); None where it is none."""
    if len(beginning) != _DIGITS or not beginning.isdigit():
        return None
    return datetime.fromtimestamp((_NEVER - int(beginning)) / 1000, UTC)


def person_key(person: str) -> str:
    """32 hex digits that stand for a person: an address has characters that a name may not have."""
    return hashlib.sha256(person.encode()).hexdigest()[:32]

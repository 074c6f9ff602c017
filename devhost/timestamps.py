"""Points in time as the Durable extension writes them.

Inside the host a point in time is a whole number of *ticks*: 100 ns steps since 1970-01-01 UTC, the
resolution of .NET. In events it is text, ``2024-10-25T03:02:17.1234567Z``, with trailing zeros cut.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

__all__ = ["MILLISECOND", "SECOND", "from_datetime", "from_delta", "parse", "text", "to_datetime"]

SECOND = 10_000_000
MILLISECOND = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT = re.compile(r"(\d{1,4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,7}))?Z?")


def from_datetime(moment: datetime) -> int:
    """Return the ticks of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 10


def from_delta(delta: timedelta) -> int:
    """Return the ticks of a duration."""
    return delta // timedelta(microseconds=1) * 10


def to_datetime(ticks: int) -> datetime:
    """Return the aware datetime in UTC; the seventh digit is cut."""
    return _EPOCH + timedelta(microseconds=ticks // 10)


@lru_cache(maxsize=1024)
def text(ticks: int) -> str:
    """Return the .NET text of a point in time: UTC, up to seven digits, no trailing zeros, always ``Z``."""
    seconds, rest = divmod(ticks, SECOND)
    whole = _whole_seconds(seconds)
    return f"{whole}.{rest:07d}".rstrip("0") + "Z" if rest else f"{whole}Z"


@lru_cache(maxsize=64)
def _whole_seconds(seconds: int) -> str:
    # Not strftime: it does not pad the year to four digits on every platform.
    return (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()


@lru_cache(maxsize=1024)
def parse(stamp: str) -> int:
    """Return the ticks of a text like the above; raises ValueError for anything else."""
    match = _TEXT.fullmatch(stamp)
    if not match:
        raise ValueError(f"'{stamp}' is not a UTC time like 2024-10-25T03:02:17.123Z")
    *parts, fraction = match.groups()
    moment = datetime(*(int(part) for part in parts), tzinfo=UTC)  # pyright: ignore[reportArgumentType]  six numbers
    return from_datetime(moment) + int((fraction or "0").ljust(7, "0"))

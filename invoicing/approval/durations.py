"""ISO 8601 durations of days, hours, minutes and seconds: `P14D`, `PT12H`, `P2W`, `P1DT6H`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_DURATION = re.compile(
    r"P(?=[0-9T])(?:(?P<weeks>[0-9]{1,3})W|(?:(?P<days>[0-9]{1,4})D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]{1,5})H)?(?:(?P<minutes>[0-9]{1,6})M)?(?:(?P<seconds>[0-9]{1,7})S)?)?)"
)


def parse(text: str) -> timedelta:
    """Read a duration. Raises ValueError; months and years are refused, as they have no fixed length."""
    match = _DURATION.fullmatch(text)
    length = timedelta(**{unit: int(n) for unit, n in match.groupdict().items() if n}) if match else None
    if not length:
        raise ValueError(f"{text!r} is not a duration such as P5D, PT12H or P2W")
    return length


def write(length: timedelta) -> str:
    """Write a duration: the inverse of `parse` for whole seconds."""
    hours, rest = divmod(length.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    days = f"{length.days}D" if length.days else ""
    time = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
    return f"P{days}" + (f"T{time}" if time else "")


def _parsed(value: Any) -> Any:
    return parse(value) if isinstance(value, str) else value


Span = Annotated[
    timedelta, BeforeValidator(_parsed), PlainSerializer(write, return_type=str, when_used="json")
]
"""A length of time in a record; in JSON as `write` has it."""

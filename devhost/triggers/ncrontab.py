"""Schedules of timer triggers: NCRONTAB expressions of six fields, and plain intervals. Pure.

``second minute hour day month weekday``; five fields mean second 0. Fields hold numbers, names of months and
weekdays, ranges, lists and steps; weekday 0 is Sunday. Times are naive local times, as the real host uses
those of its machine. Unlike in cron, day and weekday must both fit.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from devhost.app.settings import timespan
from devhost.errors import SettingsError

__all__ = ["Cron", "Interval", "Schedule", "parse_schedule"]

_NAMES = {
    "month": re.findall(
        r"\w+", "january february march april may june july august september october november december"
    ),
    "weekday": re.findall(r"\w+", "sunday monday tuesday wednesday thursday friday saturday"),
}
_FIELDS = [
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day", 1, 31),
    ("month", 1, 12),
    ("weekday", 0, 6),
]
_PART = re.compile(r"^(?P<from>\*|[0-9a-z]+)(?:-(?P<to>[0-9a-z]+))?(?:/(?P<step>\d+))?$", re.IGNORECASE)
_FAR = 8  # years: 29 February comes again after eight at most


class Schedule(Protocol):
    """Tells when a timer fires."""

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time later than ``moment``."""
        ...


@dataclass(frozen=True)
class Interval:
    """The same span of time again and again, ``01:30:00``."""

    span: timedelta

    def next_after(self, moment: datetime) -> datetime:
        """Return ``moment`` and one span."""
        return moment + self.span


@dataclass(frozen=True)
class Cron:
    """Six sorted lists of the values that fit."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def next_after(self, moment: datetime) -> datetime:
        """Return the first fitting time later than ``moment``. Raises SettingsError when there is none."""
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        day, time_of_day = start.date(), (start.hour, start.minute, start.second)
        for _ in range(366 * _FAR):
            # Python counts Monday as 0, NCRONTAB Sunday.
            fits = (
                day.month in self.months and day.day in self.days and (day.weekday() + 1) % 7 in self.weekdays
            )
            found = self._time_from(time_of_day) if fits else None
            if found is not None:
                return datetime(day.year, day.month, day.day, *found)
            day, time_of_day = day + timedelta(days=1), (0, 0, 0)
        raise SettingsError("the schedule never fires: no date has such a day, month and weekday")

    def _time_from(self, earliest: tuple[int, int, int]) -> tuple[int, int, int] | None:
        """Return the first time of a day that is not before ``earliest``."""
        hour, minute, second = earliest
        if hour in self.hours:
            if minute in self.minutes and (later := _at_least(self.seconds, second)) is not None:
                return hour, minute, later
            if (later := _at_least(self.minutes, minute + 1)) is not None:
                return hour, later, self.seconds[0]
        later = _at_least(self.hours, hour + 1)
        return None if later is None else (later, self.minutes[0], self.seconds[0])


def _at_least(values: tuple[int, ...], low: int) -> int | None:
    place = bisect.bisect_left(values, low)
    return values[place] if place < len(values) else None


def parse_schedule(text: str) -> Schedule:
    """Read an NCRONTAB expression or a time span. Raises SettingsError that names the wrong field."""
    fields = text.split()
    if len(fields) == 1 and ":" in text:
        seconds = timespan(text, "schedule")
        if seconds <= 0:
            raise SettingsError(f"schedule '{text}': the interval must be longer than nothing.")
        return Interval(timedelta(seconds=seconds))
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise SettingsError(
            f"schedule '{text}' has {len(fields)} fields; write six: second minute hour day month weekday, "
            f"e.g. '0 */5 * * * *'."
        )
    pairs = zip(fields, _FIELDS, strict=True)
    cron = Cron(*(_values(field, *known, text) for field, known in pairs))
    cron.next_after(datetime(2024, 1, 1))  # refuses 30 February when the host starts, not later
    return cron


def _values(field: str, name: str, low: int, high: int, text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.match(part)
        step = int(match["step"] or 1) if match else 0
        if match is None or step == 0:
            raise SettingsError(f"schedule '{text}': '{part}' is no valid {name}.")
        if match["from"] == "*":
            first, last = low, high
        else:
            first = _number(match["from"], name, low, high, text)
            last = _number(match["to"], name, low, high, text) if match["to"] else None
            if last is None:
                last = high if match["step"] else first
        if first > last:
            first, last = last, first
        found.update(range(first, last + 1, step))
    return tuple(sorted(found))


def _number(word: str, name: str, low: int, high: int, text: str) -> int:
    lowered = word.lower()
    for place, full in enumerate(_NAMES.get(name, [])):
        if len(lowered) >= 3 and full.startswith(lowered):
            return low + place
    if not word.isdigit() or not low <= int(word) <= high:
        raise SettingsError(f"schedule '{text}': '{word}' is no {name}; {low} to {high} are.")
    return int(word)

"""The one clock of the host. Everything that needs the time, or waits for it, asks here.

`SystemClock` is the wall clock. `VirtualClock` stands still until a test moves it: a timer of three days then
takes no time at all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from devhost import timestamps

__all__ = ["Clock", "Stamps", "SystemClock", "VirtualClock"]


class Clock(Protocol):
    """Tells the time, and how long to sleep until a point in time."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...

    def ticks(self) -> int:
        """Return the current time in ticks (see `devhost.timestamps`)."""
        ...

    def wait(self, due: int) -> float | None:
        """Return how many seconds to sleep before looking again whether ``due`` (ticks) has come; 0.0 if so.

        None means: sleep until woken, since time does not pass by itself.
        """
        ...

    def on_jump(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called each time the clock is moved by hand; such calls come from any thread."""
        ...


_LONGEST_SLEEP = 30.0


class SystemClock:
    """The wall clock of the machine."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.now(UTC)

    def ticks(self) -> int:
        """Return the current time in ticks."""
        return time.time_ns() // 100

    def wait(self, due: int) -> float | None:
        """Return the seconds until ``due``, at most half a minute and never negative."""
        # Not longer: a sleeping thread does not notice that the wall clock was set, or that the machine was
        # suspended for the night.
        return min(max(0.0, (due - self.ticks()) / timestamps.SECOND), _LONGEST_SLEEP)

    def on_jump(self, wake: Callable[[], None]) -> None:
        """Do nothing: the wall clock is not moved by hand."""


class VirtualClock:
    """A clock that moves only when told to. ``start`` is aware; default 2024-01-01 00:00 UTC."""

    def __init__(self, start: datetime = datetime(2024, 1, 1, tzinfo=UTC)):
        self._ticks = timestamps.from_datetime(start)
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """Return the time that the clock was moved to, aware, in UTC."""
        return timestamps.to_datetime(self.ticks())

    def ticks(self) -> int:
        """Return the time that the clock was moved to, in ticks."""
        with self._lock:
            return self._ticks

    def wait(self, due: int) -> float | None:
        """Return 0.0 when ``due`` has come, else None: only a jump brings it nearer."""
        return 0.0 if due <= self.ticks() else None

    def on_jump(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called after each jump."""
        self._wakers.append(wake)

    def jump(self, to: int) -> None:
        """Move to ``to`` (ticks); a time in the past leaves the clock where it is."""
        with self._lock:
            self._ticks = max(self._ticks, to)
        for wake in self._wakers:
            wake()

    def advance(self, delta: timedelta) -> None:
        """Move forward by ``delta``."""
        self.jump(self.ticks() + timestamps.from_delta(delta))


class Stamps:
    """Time stamps for events: never going backwards, even when the wall clock is set back.

    ``last`` is the greatest stamp of an earlier run, in ticks. Not thread-safe: one owner.
    """

    def __init__(self, clock: Clock, last: int = 0):
        self._clock = clock
        self._last = last

    def next(self) -> int:
        """Return the current time in ticks, or the last stamp where that is later."""
        self._last = max(self._last, self._clock.ticks())
        return self._last

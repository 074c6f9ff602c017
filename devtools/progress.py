"""Showing how far a batch is while one waits for it."""

import time
from collections.abc import Callable

from devtools.batch_client import Status
from devtools.console import Console, duration
from devtools.summary import progress_line

QUIET_SECONDS = 5.0


class Progress:
    """Shows each status: a line that changes on a terminal, else one per phase or five seconds."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._started = clock()
        self._said_at = -QUIET_SECONDS
        self._phase: str | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the batch was sent."""
        return self._clock() - self._started

    def show(self, status: Status) -> None:
        """Take note of a status."""
        line = "  ...     " + progress_line(status, duration(self.seconds))
        if self._console.terminal:
            self._console.live(line)
        elif status.get("phase") != self._phase or self._clock() - self._said_at >= QUIET_SECONDS:
            self._console.line(line)
            self._said_at, self._phase = self._clock(), status.get("phase")

"""The engine's queue: calls of other threads, ends of activities and steps, wake-ups, in order of arrival."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from devhost.engine.ports import ActivityOutcome
from devhost.state.records import ActivityTask

__all__ = ["Arrival", "Arrivals", "Call", "Ended", "Stepped", "Woken"]


@dataclass(frozen=True, slots=True)
class Call:
    """A request of another thread; ``writes`` says that it needs a transaction, which it is then passed."""

    function: Callable[..., Any]
    future: Future[Any]
    writes: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """An activity has ended."""

    task: ActivityTask
    outcome: ActivityOutcome


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step that was sent away has been answered."""

    token: int
    outcome: ActivityOutcome


@dataclass(frozen=True, slots=True)
class Woken:
    """Something else has changed: the clock was moved, the last activity is done, the engine is to stop."""


Arrival = Call | Ended | Stepped | Woken


class Arrivals:
    """The queue itself. ``put`` is thread-safe; ``take`` belongs to the engine's thread."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Arrival] = queue.SimpleQueue()

    def put(self, arrival: Arrival) -> None:
        """Add an arrival and wake the engine."""
        self._queue.put(arrival)

    @property
    def empty(self) -> bool:
        """Tell whether nothing waits."""
        return self._queue.empty()

    def take(self, timeout: float | None) -> list[Arrival]:
        """Take all arrivals; wait for the first up to ``timeout`` seconds (None: for ever, 0: not at all)."""
        taken: list[Arrival] = []
        try:
            taken.append(self._queue.get(timeout=timeout) if timeout != 0 else self._queue.get_nowait())
            while True:
                taken.append(self._queue.get_nowait())
        except queue.Empty:
            return taken

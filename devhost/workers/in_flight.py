"""Calls that have been handed to someone and not come back yet; each is answered exactly once."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from devhost.engine.ports import ActivityError, ActivityOutcome, TimedOut

__all__ = ["Done", "InFlight", "timeout_text"]

Done = Callable[[ActivityOutcome], None]
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class _Entry(Generic[Outcome]):
    function_name: str
    done: Callable[[Outcome], None]
    deadline: float


def timeout_text(function_name: str, seconds: float) -> str:
    """Return the real host's text for a function that ran longer than functionTimeout."""
    hours, rest = divmod(int(seconds), 3600)
    return (
        f"Timeout value of {hours:02}:{rest // 60:02}:{rest % 60:02} was exceeded "
        f"by function: Functions.{function_name}"
    )


class InFlight(Generic[Outcome]):
    """The table of running calls, with a watch on their time limit.

    ``failed`` makes an outcome of an error. ``expired`` is told the id of a call right before that is
    answered with the time-out text.
    """

    def __init__(
        self,
        limit: float | None,
        failed: Callable[[ActivityError], Outcome],
        expired: Callable[[int], None] = lambda _: None,
    ):
        self._limit = limit
        self._failed = failed
        self._expired = expired
        self._ids = itertools.count(1)
        self._entries: dict[int, _Entry[Outcome]] = {}
        self._changed = threading.Condition()
        self._watch: threading.Thread | None = None
        self._closed = False
        self._sleeps_for_ever = False

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, function_name: str, done: Callable[[Outcome], None]) -> int:
        """Note a call and return its id."""
        deadline = float("inf") if self._limit is None else time.monotonic() + self._limit
        with self._changed:
            key = next(self._ids)
            self._entries[key] = _Entry(function_name, done, deadline)
            if self._limit is not None and self._watch is None:
                self._watch = threading.Thread(
                    target=self._watch_deadlines, name="call-timeouts", daemon=True
                )
                self._watch.start()
            elif self._sleeps_for_ever:
                # Else it wakes in time: no later entry expires before the one that it waits for. To wake a
                # thread for each activity would cost more than the activity.
                self._sleeps_for_ever = False
                self._changed.notify()
        return key

    def finish(self, key: int, outcome: Outcome) -> None:
        """Answer the call; does nothing when it was answered before."""
        with self._changed:
            entry = self._entries.pop(key, None)
        if entry is not None:
            entry.done(outcome)

    def close(self) -> None:
        """End the watch. Calls that are out are not answered: what is durable runs again after a start."""
        with self._changed:
            self._closed = True
            self._entries.clear()
            self._changed.notify()

    def _watch_deadlines(self) -> None:
        while True:
            with self._changed:
                # The limit is one for all, so the oldest entry is the next to expire.
                oldest = next(iter(self._entries.items()), None)
                if self._closed:
                    return
                self._sleeps_for_ever = oldest is None
                if oldest is None:
                    self._changed.wait()
                    continue
                left = oldest[1].deadline - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
            self._expire(*oldest)

    def _expire(self, key: int, entry: _Entry[Outcome]) -> None:
        with self._changed:
            if self._entries.pop(key, None) is None:
                return
        self._expired(key)
        entry.done(self._failed(TimedOut(timeout_text(entry.function_name, self._limit or 0))))

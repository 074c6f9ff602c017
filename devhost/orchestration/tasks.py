"""The tree of tasks that the interpreter of replies waits for. Pure; used by `shim` only.

A task is finished or not; how it went does not matter here, since the user's code has already dealt with
that. Finishing one tells its parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from devhost import timestamps

__all__ = ["AllTask", "AnyTask", "RetryTask", "Scheduler", "Task"]

_LONGEST_RETRY_INTERVAL = 6 * 24 * 3600 * timestamps.SECOND


class Task:
    """One thing to wait for."""

    __slots__ = ("finished", "parent")

    def __init__(self) -> None:
        self.finished = False
        self.parent: Task | None = None

    def finish(self) -> None:
        """Mark the task as finished, once, and tell the parent."""
        if self.finished:
            return
        self.finished = True
        if self.parent is not None:
            self.parent.child_finished()

    def complete(self, succeeded: bool) -> None:
        """Take the event that ends the work of this task."""
        self.finish()

    def child_finished(self) -> None:
        """Hear that a child has finished."""


class AnyTask(Task):
    """Finished as soon as one of its children is; an empty one is finished at once."""

    __slots__ = ()

    def adopt(self, children: Sequence[Task]) -> None:
        """Take the started children."""
        for child in children:
            child.parent = self
        if not children or any(child.finished for child in children):
            self.finish()

    def child_finished(self) -> None:
        """Finish with the first child."""
        self.finish()


class AllTask(Task):
    """Finished when all of its children are, even if some failed; an empty one is finished at once."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        super().__init__()
        self._open = 0

    def adopt(self, children: Sequence[Task]) -> None:
        """Take the started children."""
        for child in children:
            if not child.finished:
                child.parent = self
                self._open += 1
        if not self._open:
            self.finish()

    def child_finished(self) -> None:
        """Finish with the last child."""
        self._open -= 1
        if not self._open:
            self.finish()


class Scheduler(Protocol):
    """What a retry needs of the interpreter: the episode's time, and to schedule an attempt or a timer."""

    now: int

    def schedule(self, action: dict[str, Any], owner: Task) -> None:
        """Schedule the work of an action under the next id, to be completed on ``owner``."""
        ...

    def schedule_timer(self, fire_at: str, owner: Task) -> None:
        """Schedule a timer under the next id, to be completed on ``owner``."""
        ...


class RetryTask(Task):
    """An activity or sub-orchestration with retries: attempt, timer, attempt … (protocol 3.2).

    After the last attempt comes one more timer that fires at once. It looks useless, but the SDK counts on it
    and would never resume without it.
    """

    __slots__ = ("_action", "_attempt", "_interval", "_limit", "_scheduler", "_waits_for_timer")

    def __init__(self, scheduler: Scheduler, action: dict[str, Any]):
        super().__init__()
        options = action.get("retryOptions") or {}
        interval = int(options.get("firstRetryIntervalInMilliseconds") or 0) * timestamps.MILLISECOND
        self._interval = min(interval, _LONGEST_RETRY_INTERVAL)
        self._limit = max(1, int(options.get("maxNumberOfAttempts") or 1))
        self._scheduler = scheduler
        self._action = action
        self._attempt = 1
        self._waits_for_timer = False
        scheduler.schedule(action, self)

    def complete(self, succeeded: bool) -> None:
        """Take the end of an attempt, or of the timer between two."""
        if self._waits_for_timer:
            self._after_timer()
        elif succeeded:
            self.finish()
        else:
            last = self._attempt >= self._limit
            fire_at = self._scheduler.now + (0 if last else self._interval)
            self._waits_for_timer = True
            self._scheduler.schedule_timer(timestamps.text(fire_at), self)

    def _after_timer(self) -> None:
        self._waits_for_timer = False
        if self._attempt >= self._limit:
            self.finish()
            return
        self._attempt += 1
        self._scheduler.schedule(self._action, self)

"""Hands activities to whoever runs them, never more at a time than the settings allow."""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable, Iterable

from devhost.engine.ports import ActivityOutcome
from devhost.state.records import ActivityTask

__all__ = ["ActivityDispatcher"]

Submit = Callable[[ActivityTask, Callable[[ActivityOutcome], None]], None]


class ActivityDispatcher:
    """A queue in front of the workers. Thread-safe.

    ``submit`` starts one activity without blocking; ``report`` is told each end, in the thread where it
    comes; ``idle`` is called each time nothing runs or waits any more. The next activity is started by the
    end of one, not by the engine: a long replay must not keep the workers waiting.
    """

    def __init__(
        self,
        submit: Submit,
        report: Callable[[ActivityTask, ActivityOutcome], None],
        idle: Callable[[], None],
        limit: int,
    ):
        self._submit = submit
        self._report = report
        self._tell_idle = idle
        self._limit = limit
        self._lock = threading.Lock()
        self._queue: deque[ActivityTask] = deque()
        self._running = 0
        self._closed = False
        self._pumping = threading.local()

    @property
    def idle(self) -> bool:
        """Tell whether nothing runs and nothing waits to run."""
        with self._lock:
            return not self._running and (self._closed or not self._queue)

    @property
    def running(self) -> int:
        """The number of activities that have been started and have not ended."""
        with self._lock:
            return self._running

    def add(self, tasks: Iterable[ActivityTask]) -> None:
        """Queue activities and start as many as the limit allows."""
        with self._lock:
            self._queue.extend(tasks)
        self._pump()

    def cancel(self, instance_id: str) -> None:
        """Drop the activities of an instance that have not been started."""
        with self._lock:
            if any(task.instance_id == instance_id for task in self._queue):
                self._queue = deque(task for task in self._queue if task.instance_id != instance_id)

    def close(self) -> None:
        """Start nothing any more."""
        with self._lock:
            self._closed = True

    def _pump(self) -> None:
        # An activity that ends inside of `submit` comes back here; the loop further up the stack goes on
        # then, or else a thousand of them would be a thousand calls deep.
        if getattr(self._pumping, "active", False):
            return
        self._pumping.active = True
        try:
            while (task := self._next()) is not None:
                self._submit(task, functools.partial(self._ended, task))
        finally:
            self._pumping.active = False

    def _next(self) -> ActivityTask | None:
        with self._lock:
            if self._closed or not self._queue or self._running >= self._limit:
                return None
            self._running += 1
            return self._queue.popleft()

    def _ended(self, task: ActivityTask, outcome: ActivityOutcome) -> None:
        self._report(task, outcome)
        with self._lock:
            self._running -= 1
        self._pump()
        if self.idle:
            self._tell_idle()

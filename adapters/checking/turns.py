"""A lock that is given in the order of asking: nobody waits behind a crowd that came later."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager


class NoTurn(Exception):
    """The turn did not come in the time that the caller had for it."""


class Turns:
    """One caller has the turn; the others wait in a queue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[threading.Event] = deque()

    @property
    def wanted(self) -> bool:
        """Whether somebody waits besides the one whose turn it is."""
        return len(self._queue) > 1

    @contextmanager
    def take(self, patience: float | None = None) -> Generator[None, None, None]:
        """Wait for the turn and have it inside of the block. Raises NoTurn after ``patience`` seconds."""
        mine = threading.Event()
        with self._lock:
            self._queue.append(mine)
            if len(self._queue) == 1:
                mine.set()
        try:
            if not mine.wait(patience):
                raise NoTurn
            yield
        finally:
            self._leave(mine)

    def _leave(self, mine: threading.Event) -> None:
        with self._lock:
            self._queue.remove(mine)
            if self._queue:
                self._queue[0].set()

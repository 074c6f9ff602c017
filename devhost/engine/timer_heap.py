"""Timers that wait for their time, in memory. Used by the engine's thread only.

`on_time` and `in_whole_seconds` say when a timer is fired that was made for a point in time.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any

from devhost import timestamps

__all__ = ["Firing", "TimerHeap", "in_whole_seconds", "on_time"]

#: From now and the time that a timer was made for, both in ticks, to the time at which it is fired.
Firing = Callable[[int, int], int]

_REBUILD_FROM = 64


def on_time(now: int, fire_at: int) -> int:
    """Fire when the time has come."""
    return fire_at


def in_whole_seconds(now: int, fire_at: int) -> int:
    """Fire up to a second early, as the real host does: its queue hides a message for whole seconds only."""
    return now + max(0, fire_at - now) // timestamps.SECOND * timestamps.SECOND


class TimerHeap:
    """Keys with a due time, grouped by owner. Arming, disarming and taking cost a logarithm.

    Equal times fire in the order of arming, unless ``tie`` ranks them otherwise. A timer may carry something
    that is handed back when it is taken.
    """

    def __init__(self, tie: Callable[[], int] = lambda: 0) -> None:
        self._tie = tie
        self._due: dict[Hashable, int] = {}
        self._carried: dict[Hashable, Any] = {}
        self._owners: dict[Hashable, str] = {}
        self._of_owner: defaultdict[str, set[Hashable]] = defaultdict(set)
        self._heap: list[tuple[int, int, int, Hashable]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._due)

    def arm(self, owner: str, key: Hashable, due: int, carried: Any = None) -> None:
        """Set (or move) a timer."""
        self._due[key] = due
        self._carried[key] = carried
        self._owners[key] = owner
        self._of_owner[owner].add(key)
        self._count += 1
        heapq.heappush(self._heap, (due, self._tie(), self._count, key))

    def disarm(self, key: Hashable) -> None:
        """Drop a timer; harmless when it is not set."""
        if self._due.pop(key, None) is None:
            return
        del self._carried[key]
        owner = self._owners.pop(key)
        self._of_owner[owner].discard(key)
        if not self._of_owner[owner]:
            del self._of_owner[owner]
        # Entries of dropped timers stay in the heap until their time, which may be days: clear them out
        # when they are the greater part.
        if len(self._heap) > _REBUILD_FROM and len(self._heap) > 2 * len(self._due):
            self._heap = [entry for entry in self._heap if self._due.get(entry[3]) == entry[0]]
            heapq.heapify(self._heap)

    def disarm_all(self, owner: str) -> None:
        """Drop all timers of an owner."""
        for key in list(self._of_owner.get(owner, ())):
            self.disarm(key)

    def next_due(self) -> int | None:
        """Return the time of the next timer, None when there is none."""
        while self._heap and self._due.get(self._heap[0][3]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: int) -> list[tuple[Hashable, Any]]:
        """Remove and return the timers whose time has come, with what they carry, in the order of times."""
        taken = []
        while (due := self.next_due()) is not None and due <= now:
            key = heapq.heappop(self._heap)[3]
            taken.append((key, self._carried[key]))
            self.disarm(key)
        return taken

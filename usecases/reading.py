"""Reading storage for many who look at the same thing, so that no answer depends on which process gives it.

HTTP functions run in several processes. What one of them remembers the others do not, so a number that is
kept for a moment goes backwards between two requests. Hence nothing that changes is remembered.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from stores.blobs import Blobs

Answer = TypeVar("Answer")

_MOST_KEPT = 1000
_Key = tuple[Blobs, str]


class SharedReading(Generic[Answer]):
    """Reads for all who ask while the reading before is under way: one at a time for each name.

    An answer comes from a reading that began after the question, so it is as new as one of one's own. For
    coroutines of one loop; `read` runs in a thread.
    """

    def __init__(self, read: Callable[[Blobs, str], Answer]) -> None:
        self._read = read
        self._next: dict[_Key, asyncio.Task[Answer]] = {}
        self._running: dict[_Key, asyncio.Task[Answer]] = {}

    async def __call__(self, blobs: Blobs, name: str) -> Answer:
        """The answer for a name. Raises what `read` raises."""
        key = (blobs, name)
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._read_after(key, self._running.get(key)))
        return await asyncio.shield(task)  # who gives up does not take the answer away from the others

    async def _read_after(self, key: _Key, before: asyncio.Task[Answer] | None) -> Answer:
        if before is not None:
            await asyncio.wait([before])
        self._running[key] = self._next.pop(key)  # who asks from now on wants another one
        own = self._running[key]
        try:
            return await asyncio.to_thread(self._read, *key)
        finally:
            if self._running.get(key) is own:
                del self._running[key]


class KeptReading(Generic[Answer]):
    """Reads what never changes while something lasts, once for all that time."""

    def __init__(self, read: Callable[[Blobs, str], Answer]) -> None:
        self._read = read
        self._kept: WeakKeyDictionary[Blobs, OrderedDict[str, Answer]] = WeakKeyDictionary()

    async def __call__(self, blobs: Blobs, name: str, *, lasts: bool) -> Answer:
        """The answer for a name; one from before only where it `lasts`. Raises what `read` raises."""
        kept = self._kept.setdefault(blobs, OrderedDict())
        if lasts and name in kept:
            kept.move_to_end(name)
            return kept[name]
        answer = await asyncio.to_thread(self._read, blobs, name)
        if lasts:
            kept[name] = answer
            while len(kept) > _MOST_KEPT:
                kept.popitem(last=False)
        else:
            kept.pop(name, None)
        return answer

"""Answers of storage that are a moment old: read anew at most once a second, however many look."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from adapters.blobs import Blobs

Answer = TypeVar("Answer")

#: How old an answer may be. Callers are told to come back after two seconds.
FRESH_SECONDS = 1.0
_MOST_KEPT = 1000


class Recent(Generic[Answer]):
    """What `read` answered for a name less than `FRESH_SECONDS` ago, or answers now; errors are not kept.

    Safe to use from several threads: two that ask at the same time may both read.
    """

    def __init__(self, read: Callable[[Blobs, str], Answer]) -> None:
        self._read = read
        self._kept: WeakKeyDictionary[Blobs, dict[str, tuple[float, Answer]]] = WeakKeyDictionary()

    def __call__(self, blobs: Blobs, name: str) -> Answer:
        """The answer for a name. Raises what `read` raises."""
        kept = self._kept.setdefault(blobs, {})
        now = time.monotonic()
        found = kept.get(name)
        if found is not None and now - found[0] < FRESH_SECONDS:
            return found[1]
        answer = self._read(blobs, name)
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        kept[name] = (now, answer)
        return answer

"""Lists of runs, the newest first, out of a host that lists at most 100 at a time, and by id.

The durable client has no way to ask for the next 100. So the list is cut by the time of creation into
windows that hold fewer; where one second holds more, the ids' first character cuts further.
"""

from __future__ import annotations

import string
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from web.views.runs import Run, newest_first

#: What the host gives at most in one answer.
PAGE = 100
#: Requests for one page of the list: the rest is for the link to older ones.
MOST_REQUESTS = 80

_FIRST_WINDOW, _GROWTH, _FURTHEST = timedelta(hours=1), 4, timedelta(days=800)
_SHORTEST = timedelta(seconds=1)
_SKEW = timedelta(minutes=2)  # the host's clock may be ahead of ours
_FIRST_CHARACTERS = string.digits + string.ascii_lowercase

Fetch = Callable[[datetime, datetime, str], Awaitable[Sequence[Run]]]
"""Lists runs created from one moment to another (both included) whose id has a prefix: PAGE at most."""


@dataclass(frozen=True)
class Listing:
    """Runs, the newest first; `older`: ask again with this moment for those before it, None: that was all.

    `complete` is False where one moment held more than could be listed.
    """

    runs: list[Run]
    older: datetime | None
    complete: bool = True


async def newest(
    fetch: Fetch, before: datetime, wanted: int, keep: Callable[[Run], bool], *, skew: timedelta = _SKEW
) -> Listing:
    """List the `wanted` newest runs that are to be kept, created at or before a moment."""
    walk = _Walk(fetch, keep, wanted)
    upper, span = before + skew, _FIRST_WINDOW
    while not walk.enough and before - upper < _FURTHEST:
        lower = upper - span
        await walk.window(lower, upper)
        upper, span = lower, span * _GROWTH
    runs = newest_first(walk.found)
    older = runs[wanted].created if len(runs) > wanted else None
    if older is None and walk.enough and walk.reached is not None:
        older = walk.reached
    return Listing(runs[:wanted], older, walk.complete)


class _Walk:
    """One walk from new to old; it stops when it has enough or has asked too often."""

    def __init__(self, fetch: Fetch, keep: Callable[[Run], bool], wanted: int) -> None:
        self._fetch = fetch
        self._keep = keep
        self._wanted = wanted
        self._requests = 0
        self._kept: set[str] = set()
        self.found: list[Run] = []
        self.complete = True
        self.reached: datetime | None = None

    @property
    def enough(self) -> bool:
        return len(self._kept) > self._wanted or self._requests >= MOST_REQUESTS

    async def window(self, lower: datetime, upper: datetime) -> None:
        """Take in all runs of a window, its newer half first; stop once there are enough."""
        if self.enough:
            return
        runs = await self._asked(lower, upper, "")
        if len(runs) < PAGE:
            self._take(runs, lower)
        elif upper - lower > _SHORTEST:
            middle = lower + (upper - lower) / 2
            await self.window(middle, upper)
            await self.window(lower, middle)
        else:
            for character in _FIRST_CHARACTERS:
                runs = await self._asked(lower, upper, character)
                self.complete = self.complete and len(runs) < PAGE
                self._take(runs, lower)

    async def _asked(self, lower: datetime, upper: datetime, prefix: str) -> Sequence[Run]:
        self._requests += 1
        return await self._fetch(lower, upper, prefix)

    def _take(self, runs: Sequence[Run], lower: datetime) -> None:
        kept = [run for run in runs if self._keep(run)]
        self._kept.update(run.id for run in kept)
        self.found += kept
        self.reached = lower

"""Purge the task hub: instances of things that were purged, and all that have ended long ago.

The run of a batch or of an invoice stands for it, so it goes with it and never before: without it, the batch
would count as never started, and an equal request would start it again. The others (approvals, documents of
batches, parts, messages) go by their own term, one by one, since the host's purge of many knows no ids.

The host lists 100 at a time, by id, and gives no token. So the walk goes through the times of creation from
old to new, halving what holds too many, and remembers how far it came.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from adapters.failure_log import kind_and_place
from invoicing.records.batch_approvals_steps import approvals_instance
from invoicing.records.retention import HubWalk
from invoicing.records.retention_steps import RETENTION_INSTANCE
from invoicing.retention import names
from stores import retention_runs, supervised
from stores.blobs import Blobs

#: What the host lists at most in one answer.
PAGE = 100
#: Things whose instances one look purges at most.
MOST_THINGS = 2000

_AT_ONCE = 8
_FIRST = datetime(2020, 1, 1, tzinfo=UTC)  # there was no run before
_SHORTEST = timedelta(seconds=1)
#: After so long the walk begins anew: what ran when it came by has ended since.
_ROUND = timedelta(days=7)


@dataclass(frozen=True)
class EndedRun:
    """An instance of the task hub that has ended; `updated`: when."""

    id: str
    updated: datetime


@dataclass(frozen=True)
class Hub:
    """The task hub: `ended` lists instances that have ended and were begun from one moment to another.

    `purge` purges one and says how many there were; it raises where the host refuses. `now`: the clock.
    """

    ended: Callable[[datetime, datetime], Awaitable[Sequence[EndedRun]]]
    purge: Callable[[str], Awaitable[int]]
    now: Callable[[], datetime]


async def purge_left(blobs: Blobs, hub: Hub, until: datetime) -> int:
    """Purge the instances of things that were purged; returns how many. What the host refuses is left."""
    purged = 0
    for thing in await asyncio.to_thread(retention_runs.left_instances, blobs, MOST_THINGS):
        if hub.now() >= until:
            break
        own = (thing, approvals_instance(thing)) if names.kind_of(thing) == "batch" else (thing,)
        counts = [await _purged(hub, instance) for instance in own]
        purged += sum(count or 0 for count in counts)
        if None not in counts:
            await asyncio.to_thread(retention_runs.instances_gone, blobs, thing)
    return purged


async def purge_ended(blobs: Blobs, hub: Hub, keep: timedelta, until: datetime) -> int:
    """Purge instances that have ended longer ago than `keep`, as far as the time goes; returns how many."""
    walk = await asyncio.to_thread(retention_runs.walk, blobs)
    cutoff = hub.now() - keep
    if walk.round is None or hub.now() - walk.round >= _ROUND:
        walk = HubWalk(round=hub.now())
    kept = await asyncio.to_thread(_in_use, blobs)
    stepper = _Walk(hub, cutoff, until, kept)
    reached = await stepper.through(walk.reached or _FIRST, cutoff)
    moved = walk.model_copy(update={"reached": reached})
    await asyncio.to_thread(retention_runs.keep_walk, blobs, moved)
    return stepper.purged


def _in_use(blobs: Blobs) -> frozenset[str]:
    """Instances that have work noted, or a case: the supervisor would take them for gone."""
    return frozenset(supervised.instances_under_way(blobs) + supervised.instances_with_cases(blobs))


def goes_by_itself(instance: str) -> bool:
    """Say whether an instance is purged by its own term; others go with the thing that they stand for."""
    thing = instance.removesuffix("-approvals")
    return instance != RETENTION_INSTANCE and not names.is_thing(thing)


class _Walk:
    """One walk through times of creation, from old to new."""

    def __init__(self, hub: Hub, cutoff: datetime, until: datetime, kept: frozenset[str]) -> None:
        self._hub = hub
        self._cutoff = cutoff
        self._until = until
        self._kept = kept
        self.purged = 0

    async def through(self, lower: datetime, upper: datetime) -> datetime:
        """Purge what may go of a stretch of time; returns how far it came."""
        while lower < upper and self._hub.now() < self._until:
            found = await self._hub.ended(lower, upper)
            going = [run for run in found if self._may_go(run)]
            purged = await self._purge(going)
            self.purged += purged
            if len(found) < PAGE:
                return upper
            if 2 * purged < PAGE:  # most of what is listed stays: shorter stretches list the others
                if upper - lower <= _SHORTEST:
                    logging.warning("more instances were begun within a second than can be listed")
                    return upper
                middle = lower + (upper - lower) / 2
                lower = await self.through(lower, middle)
                if lower < middle:
                    return lower
        return lower

    def _may_go(self, run: EndedRun) -> bool:
        return run.updated < self._cutoff and run.id not in self._kept and goes_by_itself(run.id)

    async def _purge(self, going: Sequence[EndedRun]) -> int:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def purge(run: EndedRun) -> int:
            async with gate:
                return await _purged(self._hub, run.id) or 0

        return sum(await asyncio.gather(*(purge(run) for run in going)))


async def _purged(hub: Hub, instance: str) -> int | None:
    """How many were purged; None where the host refuses, which is logged."""
    try:
        return await hub.purge(instance)
    except Exception as error:  # noqa: BLE001 - the others are to be purged all the same
        logging.warning("%s could not be purged from the task hub: %s", instance, kind_and_place(error))
        return None

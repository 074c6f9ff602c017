"""Somebody says something that a workflow may wait for: it is stored first, then who waits is woken.

The event says nothing: the workflow reads what is stored. So one that is lost, doubled or forged does no
harm, and a signal that comes before anybody waits is found later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import azure.durable_functions as df

from adapters.failure_log import kind_and_place
from adapters.services import Services
from invoicing.records.signals import Signal, SignalWait
from invoicing.signals.errors import SignalInvalid, UnknownKind
from invoicing.signals.taking_in import NewSignal, signal_of
from stores import signals
from stores.blobs import BlobConflict, BlobMissing, Blobs
from usecases.refusals import Misunderstood, NotAsAsked, Unknown

# Workflows that are woken at the same time.
_AT_ONCE = 8


@dataclass(frozen=True)
class Taken:
    """A signal that is stored. `is_new`: it was not before. `waiting`: how many workflows wait for it."""

    signal: Signal
    is_new: bool
    waiting: int


async def signal(services: Services, client: df.DurableOrchestrationClient, new: NewSignal) -> Taken:
    """Keep a signal, and wake the workflows that wait for its kind and key.

    Raises Unknown (no such kind), Misunderstood (key, id or content), NotAsAsked where the id was used for
    another content, and StorageError: then nothing is sure, and the same signal may be sent again.
    """
    said = _said(services, new)
    kept, is_new = await asyncio.to_thread(keep, services.blobs, said)

    # Also for one that came before: who sent it may have died between the two.
    waiting = await asyncio.to_thread(signals.waiting, services.blobs, kept.kind, kept.key)
    await wake(client, waiting)
    return Taken(kept, is_new, len(waiting))


def keep(blobs: Blobs, said: Signal) -> tuple[Signal, bool]:
    """Write a signal down; returns it as it is kept, and whether it is new. Raises NotAsAsked."""
    try:
        signals.create(blobs, said)
        return said, True
    except BlobConflict:
        return _before(blobs, said), False


def _before(blobs: Blobs, said: Signal) -> Signal:
    """What came under this id before."""
    try:
        before = signals.read(blobs, said)
    except BlobMissing:
        return said  # it became too old just now, and is gone: it was known
    if before.payload != said.payload:
        text = "This id was used for another signal of this kind and key. Give each signal an id of its own."
        raise NotAsAsked("id_reused", text)
    return before


async def wake(client: df.DurableOrchestrationClient, waits: Sequence[SignalWait]) -> int:
    """Wake workflows; returns how many could be told. Never raises: the sweep comes by."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(wait: SignalWait) -> bool:
        async with gate:
            return await _wake_one(client, wait)

    return sum(await asyncio.gather(*(one(wait) for wait in waits)))


async def _wake_one(client: df.DurableOrchestrationClient, wait: SignalWait) -> bool:
    try:
        await client.raise_event(wait.instance, wait.event, True)
    except Exception as error:  # noqa: BLE001 - whatever it is, the sweep comes by
        text = "run %s could not be woken for a signal %s; the sweep will do it: %s"
        logging.warning(text, wait.instance, wait.kind, kind_and_place(error))
        return False
    return True


def _said(services: Services, new: NewSignal) -> Signal:
    try:
        return signal_of(new, services.clock())
    except UnknownKind as error:
        raise Unknown(error.code, error.text) from error
    except SignalInvalid as error:
        raise Misunderstood(error.code, error.text) from error

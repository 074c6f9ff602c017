"""Looking for ends that somebody wants to be told of, and beginning to tell them.

    the end is there -> the message is kept -> `sending` -> noted with the supervisor -> started

Each step can be done twice: who died in between is repeated by the next look, since the mark of the
subscription stays until it is over.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

import azure.durable_functions as df
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters.failure_log import kind_and_place
from adapters.services import Services
from invoicing.callbacks.subscriptions import is_due
from invoicing.records.callbacks import CALLBACK, CallbackJob, Subscription
from invoicing.records.supervision import OpenWork
from stores import subscriptions, supervised
from stores.subscriptions import OpenMark
from usecases.callback_messages import end_of, message_of
from usecases.refusals import Unknown

_ENDED = (Runtime.Completed, Runtime.Terminated, Runtime.Canceled)
# Ends that are looked for at the same time.
_AT_ONCE = 8


async def begin_due(services: Services, client: df.DurableOrchestrationClient, now: datetime) -> list[str]:
    """Begin what can be told; returns the ids of the instances that were started.

    One that cannot be looked at does not keep the others from it.
    """
    marks = await asyncio.to_thread(subscriptions.open_marks, services.blobs)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def look(mark: OpenMark) -> str | None:
        async with gate:
            try:
                return await begin(services, client, mark.id)
            except Exception as error:  # noqa: BLE001 - the others are to be looked at all the same
                text = "the end for callback %s could not be looked for: %s"
                logging.error(text, mark.id, kind_and_place(error))
                return None

    due = [mark for mark in marks if is_due(mark.id, mark.created, now)]
    return [started for started in await asyncio.gather(*map(look, due)) if started]


async def begin(services: Services, client: df.DurableOrchestrationClient, subscription: str) -> str | None:
    """Begin to tell of an end, if it has come; returns the id of the instance if that was started now."""
    known = await asyncio.to_thread(subscriptions.read, services.blobs, subscription)
    if known is None or known.is_over:
        await asyncio.to_thread(subscriptions.unmark, services.blobs, subscription)
        return None
    if known.state == "waiting":
        known = await _ended(services, client, known)
    return await _started(services, client, known) if known else None


async def _ended(
    services: Services, client: df.DurableOrchestrationClient, known: Subscription
) -> Subscription | None:
    """The subscription as one to send for; None while the end has not come, or where it never will."""
    try:
        end = await end_of(services, client, known.kind, known.target)
    except Unknown as error:
        await asyncio.to_thread(_give_up, services, known, error.text)
        return None
    if end is None:
        return None
    body = message_of(services, known, end)
    return await asyncio.to_thread(_ready, services, known, body)


def _ready(services: Services, known: Subscription, body: bytes) -> Subscription | None:
    """Keep the message, then say so; None where it was cancelled meanwhile."""
    subscriptions.keep_message(services.blobs, known, body)
    after = _moved(services, known, {"state": "sending"})
    return after if after and after.state == "sending" else None


def _give_up(services: Services, known: Subscription, error: str) -> None:
    _moved(services, known, {"state": "failed", "error": error, "at": services.clock()})
    subscriptions.unmark(services.blobs, known.id)


def _moved(services: Services, known: Subscription, changes: dict[str, object]) -> Subscription | None:
    """The subscription with changes, unless it is over, or another round has begun."""

    def changed(before: Subscription) -> Subscription:
        is_same = before.round == known.round and not before.is_over
        return before.model_copy(update=changes) if is_same else before

    return subscriptions.change(services.blobs, known.id, changed)


async def _started(
    services: Services, client: df.DurableOrchestrationClient, known: Subscription
) -> str | None:
    """Start the orchestration, unless it is there: one that failed is the supervisor's then."""
    job = CallbackJob(subscription=known.id, round=known.round)
    status = await client.get_status(job.instance)
    if status:
        if status.runtime_status in _ENDED:
            # It ended while nothing could be noted, or was stopped by hand.
            await asyncio.to_thread(_give_up, services, known, "It was not told within its time.")
        return None
    value = CALLBACK.written_input(job)
    work = OpenWork(instance=job.instance, orchestrator=CALLBACK.name, input=value)
    # Noted before it is started, so that a run that is lost is begun again.
    await asyncio.to_thread(supervised.note, services.blobs, work)
    await client.start_new(CALLBACK.name, job.instance, value)
    return job.instance

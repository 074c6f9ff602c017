"""Many signals that came together: each is taken in for itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import azure.durable_functions as df

from adapters.services import Services
from invoicing.signals.arriving import Arrived, Rejected
from invoicing.signals.taking_in import NewSignal
from stores.records import RecordDamaged
from usecases.refusals import NotDone
from usecases.signal import signal

# Signals that are taken in at the same time.
_AT_ONCE = 16


async def signal_all(
    services: Services, client: df.DurableOrchestrationClient, arrived: Sequence[Arrived], way: str
) -> list[Rejected]:
    """Take in all that can be; returns what cannot, with why. `way`: how they came, for the log.

    Neither what cannot be understood nor a damaged record of the same id holds up the others.

    Raises StorageError: then send all of them again, those that were taken count once.
    """
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(place: int, new: Arrived) -> Rejected | None:
        if isinstance(new, Rejected):
            return new
        async with gate:
            return await _taken(services, client, new, f"event {place}")

    told = await asyncio.gather(*(one(place, new) for place, new in enumerate(arrived, start=1)))
    rejected = [one for one in told if one]
    for bad in rejected:
        logging.warning("a signal came by %s that cannot be taken: %s: %s", way, bad.place, bad.code)
    return rejected


async def _taken(
    services: Services, client: df.DurableOrchestrationClient, new: NewSignal, place: str
) -> Rejected | None:
    try:
        await signal(services, client, new)
    except NotDone as error:
        return Rejected(place, error.code, error.text)
    except RecordDamaged as error:
        return Rejected(place, "record_damaged", str(error))
    return None

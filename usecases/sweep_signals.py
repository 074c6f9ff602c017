"""Making good what was lost between a signal and its waiter, and removing what is too old."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import azure.durable_functions as df
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters.failure_log import kind_and_place
from adapters.services import Services
from invoicing.records.goods import GOODS_RECEIVED
from invoicing.records.signals import Signal, SignalWait
from invoicing.signals.sweeping import Plan, plan
from stores import signals
from stores.records import RecordDamaged
from stores.signals import Folder
from usecases.receipts import keep_receipts
from usecases.signal import wake

#: Blobs that one sweep removes; the rest comes with the next.
MOST_REMOVED = 2000
# A run in one of these is over. A failed one may be started again, and then waits anew.
_OVER = (Runtime.Completed, Runtime.Terminated, Runtime.Canceled)


@dataclass
class Swept:
    """What a sweep did: runs that were woken, waits of runs that are over, and blobs that were too old."""

    woken: int = 0
    forgotten: int = 0
    removed: int = 0


async def sweep(services: Services, client: df.DurableOrchestrationClient) -> Swept:
    """Look at all signals once; one listing. Raises StorageError: the next sweep goes on."""
    swept = Swept()
    folders = await asyncio.to_thread(lambda: list(_plans(services)))
    for folder, todo in folders:
        forgotten = await _forget_if_over(services, client, todo)
        swept.forgotten += len(forgotten)
        behind = [wait for wait in todo.wake if wait not in forgotten]
        swept.woken += await wake(client, behind)
        swept.removed += await asyncio.to_thread(
            _remove, services, folder, todo, MOST_REMOVED - swept.removed
        )
    return swept


def _plans(services: Services) -> Iterator[tuple[Folder, Plan]]:
    """The folders in which something is to be done."""
    now = services.clock()
    for folder in signals.folders(services.blobs):
        todo = plan(folder.came, folder.waits, now, services.settings.signals.kept)
        if todo != Plan():
            yield folder, todo


async def _forget_if_over(
    services: Services, client: df.DurableOrchestrationClient, todo: Plan
) -> list[SignalWait]:
    """Remove the waits of runs that are over or gone: they did not come to end them."""
    over = [wait for wait in todo.ask if await _is_over(client, wait)]
    for wait in over:
        await asyncio.to_thread(signals.forget_wait, services.blobs, wait)
    return over


async def _is_over(client: df.DurableOrchestrationClient, wait: SignalWait) -> bool:
    try:
        status = await client.get_status(wait.instance)
    except Exception as error:  # noqa: BLE001 - the others are to be looked at all the same
        logging.error("the sweep could not look at run %s: %s", wait.instance, kind_and_place(error))
        return False
    # For a run that is not known the SDK gives a status without one.
    return not status or status.runtime_status is None or status.runtime_status in _OVER


def _remove(services: Services, folder: Folder, todo: Plan, most: int) -> int:
    """Remove what is too old, the signals before the waits that were given them."""
    old: list[Signal] = [folder.came[name] for name in todo.remove[: max(most, 0)]]
    if not _are_kept(services, old):
        return 0
    for signal in old:
        signals.forget(services.blobs, signal)
    if len(old) < len(todo.remove):
        return len(old)

    for wait in todo.ended:
        signals.forget_wait(services.blobs, wait)
    return len(old) + len(todo.ended)


def _are_kept(services: Services, old: Sequence[Signal]) -> bool:
    """Whether signals of one key may go: goods stay known with their orders, whose invoices may yet come."""
    try:
        for number in {signal.key for signal in old if signal.kind == GOODS_RECEIVED}:
            keep_receipts(services.blobs, number)
    except RecordDamaged as error:
        logging.error("old signals of goods are not removed, since their order cannot be read: %s", error)
        return False
    return True

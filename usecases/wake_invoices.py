"""What has changed about an order is a signal, too: invoices that wait for its goods look at it again."""

from __future__ import annotations

import asyncio

import azure.durable_functions as df

from adapters.services import Services
from invoicing.records.goods import GOODS_RECEIVED
from invoicing.records.order import Order
from invoicing.records.signals import Payload, Signal, SignalWait
from invoicing.signals.keys import normal_key
from stores import signals
from usecases.signal import keep, wake


async def wake_invoices(services: Services, client: df.DurableOrchestrationClient, order: Order) -> int:
    """A new revision of an order came in: wake the invoices that wait for it; returns how many."""
    note = f"Revision {order.revision} of the order came in."
    id = f"{order.id}-revision-{order.revision}"
    waits = await asyncio.to_thread(note_change, services, order.id, order.order.number, id, note)
    return await wake(client, waits)


def note_change(services: Services, order: str, number: str, id: str, note: str) -> list[SignalWait]:
    """Keep that something has changed, where somebody waits; returns who does.

    Who begins to wait after that sees the change anyway. Who is not woken now, the sweep of signals wakes.
    """
    key = normal_key(number)
    waits = signals.waiting(services.blobs, GOODS_RECEIVED, key)
    if waits:
        payload: Payload = {"order": order, "note": note}
        signal = Signal(kind=GOODS_RECEIVED, key=key, id=id, payload=payload, received=services.clock())
        keep(services.blobs, signal)
    return waits

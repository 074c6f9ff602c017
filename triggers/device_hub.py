"""Messages of devices, out of an IoT Hub (or any event hub): signals, where a setting says where to listen.

Without `SETTLE_DEVICE_HUB` there is no such function: a trigger without its connection would keep the whole
host from starting.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, List, cast  # noqa: UP035 - see Many

import azure.durable_functions as df
import azure.functions as func

from adapters import services, signal_queue
from adapters.signal_settings import DeviceHub, device_hub
from invoicing.signals.arriving import Arrived, Rejected, of_device
from invoicing.signals.errors import SignalInvalid
from usecases.signal_batch import signal_all

# The real worker takes the alias of `typing` alone for a trigger that is given many.
Many = List[func.EventHubEvent]  # noqa: UP006


async def take_messages(events: Sequence[Any], client: df.DurableOrchestrationClient) -> None:
    """Take in messages. Those that cannot be taken go to the poison queue of signals.

    It raises while the storage is away: the hub then gives the same messages again.
    """
    used = services.current()
    arrived = [_arrived(event, place) for place, event in enumerate(events)]
    for bad in await signal_all(used, client, arrived, "the device hub"):
        place = int(bad.place.rpartition(" ")[2]) - 1
        await asyncio.to_thread(signal_queue.put_aside, used.settings, events[place].get_body())
        logging.error("a device's message was put into queue %s", signal_queue.poison_of(used.settings))


def _arrived(event: Any, place: int) -> Arrived:
    """A message, whose properties stand in the metadata of all that came together."""
    metadata: Mapping[str, Any] = event.metadata or {}
    properties = _at(metadata.get("PropertiesArray"), place)
    system = _at(metadata.get("SystemPropertiesArray"), place)
    try:
        return of_device(event.get_body(), properties, system)
    except SignalInvalid as error:
        return Rejected(f"event {place + 1}", error.code, error.text)


def _at(values: object, place: int) -> Mapping[str, Any]:
    found: object = cast(list[object], values)[place] if isinstance(values, list) else None
    return cast(Mapping[str, Any], found) if isinstance(found, dict) else {}


def registered(hub: DeviceHub | None) -> df.Blueprint | None:
    """The blueprint that listens to a hub; None where there is none."""
    if hub is None:
        return None
    made = df.Blueprint()

    @made.event_hub_message_trigger(  # pyright: ignore[reportUnknownMemberType] - as with the queue
        arg_name="events",
        event_hub_name=hub.name,
        connection=hub.connection,
        consumer_group=hub.consumer_group,
        cardinality=func.Cardinality.MANY,
    )
    # Without it a message whose function failed is never given again.
    @cast(Any, made).retry(strategy="exponential_backoff", max_retry_count="-1",
                minimum_interval="00:00:02", maximum_interval="00:05:00")  # fmt: skip
    @made.durable_client_input(client_name="client")
    async def take_device_messages(events: Many, client: df.DurableOrchestrationClient) -> None:
        """Take in what devices say: application properties `kind` and `key`, and a JSON object."""
        await take_messages(events, client)

    return made


bp = registered(device_hub())

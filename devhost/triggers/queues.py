"""Queue triggers: take messages, run the function, delete them; what keeps failing is set aside."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from azure.functions import meta

from devhost.app.annotations import plain_type
from devhost.app.index import FunctionInfo
from devhost.app.settings import QueueSettings
from devhost.triggers.storage_io import decode_message, encode_message
from devhost.workers.invocation import decode

if TYPE_CHECKING:
    from azure.storage.queue import QueueMessage
    from azure.storage.queue.aio import QueueClient, QueueServiceClient

__all__ = ["QueueTrigger", "message_data", "poison_name"]

_log = logging.getLogger("devhost.queues")
_HIDDEN_SECONDS = 600
_SHORTEST_PAUSE = 0.1
_DEVELOPMENT_PAUSE = 2.0
_TROUBLE_PAUSE = 10.0
Invoke = Callable[..., Awaitable[Any]]


def poison_name(queue: str) -> str | None:
    """Return the queue for messages that keep failing; a poison queue has none itself."""
    return None if queue.endswith("-poison") else f"{queue}-poison"


class QueueTrigger:
    """One queue function. ``service`` is the account's client; ``invoke`` runs the function."""

    def __init__(
        self, function: FunctionInfo, service: QueueServiceClient, settings: QueueSettings, invoke: Invoke
    ):
        self._function = function
        self._service = service
        self._settings = settings
        self._invoke = invoke
        self.queue_name = str(function.trigger.properties["queueName"])
        self._queue: QueueClient = service.get_queue_client(self.queue_name)
        self._as = plain_type(function)
        self._running: set[asyncio.Task[None]] = set()
        self._longest_pause = min(settings.max_polling_interval, _DEVELOPMENT_PAUSE)

    async def run(self) -> None:
        """Poll until cancelled; then wait for what runs."""
        pause, in_trouble = _SHORTEST_PAUSE, False
        try:
            while True:
                try:
                    found = await self._take()
                    in_trouble = False
                except Exception as error:  # noqa: BLE001 - the storage may come back at any time
                    if not in_trouble:
                        _log.warning("Queue '%s' cannot be read: %s", self.queue_name, _first_line(error))
                    found, in_trouble = 0, True
                pause = _SHORTEST_PAUSE if found else self._longer(pause)
                if not found:
                    await asyncio.sleep(_TROUBLE_PAUSE if in_trouble else pause)
        finally:
            await asyncio.gather(*self._running, return_exceptions=True)

    def _longer(self, pause: float) -> float:
        return min(pause * random.uniform(1.2, 2.0), self._longest_pause)  # noqa: S311 - spreads the polling

    async def _take(self) -> int:
        """Start on the next messages and return their number; wait while enough of them are at work."""
        from azure.core.exceptions import ResourceNotFoundError

        while len(self._running) > self._settings.new_batch_threshold:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        count = 0
        try:
            pages = self._queue.receive_messages(
                messages_per_page=self._settings.batch_size,
                max_messages=self._settings.batch_size,
                visibility_timeout=_HIDDEN_SECONDS,
            )
            async for message in pages:
                task = asyncio.create_task(self.process(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
                count += 1
        except ResourceNotFoundError:
            return 0  # the queue may be made later
        return count

    async def process(self, message: QueueMessage) -> None:
        """Run the function for one message, keep it hidden meanwhile, and delete or release it."""
        keeping = asyncio.create_task(self._keep_hidden(message))
        try:
            ok = await self._attempt(message)
        finally:
            keeping.cancel()
        try:
            await (self._queue.delete_message(message) if ok else self._failed(message))
        except Exception as error:  # noqa: BLE001 - the message comes back by itself
            _log.warning("A message of queue '%s' was not settled: %s", self.queue_name, _first_line(error))

    async def _attempt(self, message: QueueMessage) -> bool:
        content = decode_message(message.content, self._settings.base64)
        try:
            await self._invoke(
                self._function, self._value(content, message), message_data(content, message.id or "")
            )
        except Exception:  # noqa: BLE001 - the message tells of it by coming again
            return False
        return True

    def _value(self, content: bytes, message: QueueMessage) -> Any:
        if self._as is not None:
            return content.decode("utf-8") if self._as is str else content
        return decode(self._function.trigger, meta.Datum(content, "bytes"), _metadata(message))

    async def _keep_hidden(self, message: QueueMessage) -> None:
        while True:
            await asyncio.sleep(_HIDDEN_SECONDS / 2)
            updated = await self._queue.update_message(message, visibility_timeout=_HIDDEN_SECONDS)
            message.pop_receipt = updated.pop_receipt

    async def _failed(self, message: QueueMessage) -> None:
        poison = poison_name(self.queue_name)
        if poison is None:
            return  # it stays hidden for a while, so that it does not come back at once for ever
        if (message.dequeue_count or 0) >= self._settings.max_dequeue_count:
            _log.error(
                "Message %s has failed %s times; it goes to queue '%s'.",
                message.id,
                message.dequeue_count,
                poison,
            )
            await send(
                self._service, poison, decode_message(message.content, self._settings.base64), self._settings
            )
            await self._queue.delete_message(message)
            return
        pause = int(self._settings.visibility_timeout)
        await self._queue.update_message(message, visibility_timeout=pause)


async def send(service: QueueServiceClient, queue: str, content: bytes, settings: QueueSettings) -> None:
    """Put a message into a queue, which is made when it is missing."""
    from azure.core.exceptions import ResourceNotFoundError

    client = service.get_queue_client(queue)
    text = encode_message(content, settings.base64)
    try:
        await client.send_message(text)
    except ResourceNotFoundError:
        await client.create_queue()
        await client.send_message(text)


def message_data(content: bytes, message_id: str) -> Mapping[str, str]:
    """Return what paths of other bindings may refer to: the text, the id, and scalars of a JSON object."""
    text = content.decode("utf-8", "replace")
    data = {"queueTrigger": text, "id": message_id}
    try:
        parsed = json.loads(text)
    except ValueError:
        return data
    if isinstance(parsed, dict):
        data |= {key: str(value) for key, value in parsed.items() if isinstance(value, (str, int, float))}
    return data


def _metadata(message: QueueMessage) -> dict[str, meta.Datum]:
    times = {
        "ExpirationTime": message.expires_on,
        "InsertionTime": message.inserted_on,
        "NextVisibleTime": message.next_visible_on,
    }
    return {
        "Id": meta.Datum(message.id, "string"),
        "PopReceipt": meta.Datum(message.pop_receipt, "string"),
        "DequeueCount": meta.Datum(str(message.dequeue_count or 0), "json"),
        **{name: meta.Datum(json.dumps(_iso(moment)), "json") for name, moment in times.items() if moment},
    }


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]

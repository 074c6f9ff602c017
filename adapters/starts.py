"""Detached starts: an orchestration cannot start another one and go on, so it leaves a message in a queue.

The app's own queue trigger (`triggers.starts`) starts it. A message may come twice; the instance id makes the
second one find the first.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Generator
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient
from pydantic import ConfigDict, Field, ValidationError

from adapters.settings import Settings
from invoicing.records.base import Record
from stores.blobs import StorageRefused, StorageUnavailable

#: Bytes of a message: a storage queue holds 64 KiB, of which base64 takes a quarter.
LARGEST = 48 * 1024


class _Start(Record):
    """A message of the queue; `input` is that of the orchestration, which alone reads it."""

    model_config = ConfigDict(extra="forbid")

    orchestrator: str = Field(min_length=1)
    instance: str = Field(min_length=1)
    input: Any


def enqueue(settings: Settings, orchestrator: str, instance_id: str, value: Any) -> None:
    """Have an orchestration started soon, unless there is one of this id.

    Raises ValueError for an input that is too large for a message, StorageUnavailable and StorageRefused.
    """
    text = encode(orchestrator, instance_id, value)
    send_to(settings, settings.starts_queue, text)


def send_to(settings: Settings, name: str, text: str) -> None:
    """Put a message into a queue, which is made where it is missing.

    Raises StorageUnavailable and StorageRefused.
    """
    with _queue(settings, name) as queue, _translated(f"send to queue {name}"):
        _send(queue, text)


def make_queue(settings: Settings) -> None:
    """Make the queues that the app listens to, unless they are there.

    Raises StorageUnavailable and StorageRefused.
    """
    for name in (settings.starts_queue, settings.signals_queue):
        with _queue(settings, name) as queue, _translated(f"make queue {name}"):
            _create(queue)


def encode(orchestrator: str, instance_id: str, value: Any) -> str:
    """The message's text: base64 of JSON, as the Functions host expects it. Raises ValueError."""
    body = {"orchestrator": orchestrator, "instance": instance_id, "input": value}
    data = json.dumps(body, ensure_ascii=False).encode()
    if len(data) > LARGEST:
        raise ValueError(f"the input of {orchestrator} has {len(data):,} bytes; a message holds {LARGEST:,}")
    return base64.b64encode(data).decode()


def decode(data: bytes) -> tuple[str, str, Any]:
    """Orchestrator, instance id and input of a message as the host hands it over (base64 taken off).

    Raises ValueError for anything else.
    """
    try:
        start = _Start.model_validate_json(data)
    except ValidationError:
        raise ValueError("a message of the queue is not one of this app's") from None
    return start.orchestrator, start.instance, start.input


def _queue(settings: Settings, name: str) -> QueueClient:
    try:
        return QueueClient.from_connection_string(
            settings.queue_connection,
            name,
            connection_timeout=5,
            read_timeout=20,
            retry_total=2,
        )
    except ValueError as error:
        raise StorageRefused("the connection string of the queue cannot be used") from error


@contextlib.contextmanager
def _translated(what: str) -> Generator[None, None, None]:
    """Turn an error of the SDK into one of ours; `what` names the call in the text."""
    try:
        yield
    except HttpResponseError as error:
        status = error.status_code or 0
        kind = StorageUnavailable if status in (0, 408, 429) or status >= 500 else StorageRefused
        raise kind(f"{what}: HTTP {status}") from error
    except AzureError as error:
        raise StorageUnavailable(f"{what}: {type(error).__name__}") from error


def _send(queue: QueueClient, text: str) -> None:
    try:
        queue.send_message(text, time_to_live=-1)
    except ResourceNotFoundError:
        _create(queue)
        queue.send_message(text, time_to_live=-1)


def _create(queue: QueueClient) -> None:
    try:
        queue.create_queue()
    except ResourceExistsError:
        return  # another process was quicker

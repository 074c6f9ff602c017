"""Queue and blob bindings against Azure Storage or Azurite. The packages are imported on first use."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from azure.functions import meta

from devhost.app.index import Binding
from devhost.app.settings import Settings
from devhost.triggers.binding_paths import fill

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueServiceClient

__all__ = ["StorageIO", "connection_string", "decode_message", "encode_message", "messages_of", "sdk_log"]

#: What the storage SDK says of each request that the host itself makes: the SDK's own logger is the app's.
sdk_log = logging.getLogger("devhost.storage")
sdk_log.setLevel(logging.WARNING)

AZURITE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
)


def connection_string(settings: Settings, name: str) -> str:
    """Return the connection string called ``name``; Azurite's is spelt out. Raises SettingsError."""
    text = settings.connection(name)
    return AZURITE if text.strip().rstrip(";").lower() == "usedevelopmentstorage=true" else text


def encode_message(content: bytes, as_base64: bool) -> str:
    """Return the text of a queue message for ``content``."""
    return base64.b64encode(content).decode("ascii") if as_base64 else content.decode("utf-8")


def decode_message(text: str, as_base64: bool) -> bytes:
    """Return the content of a queue message; text that is no base64 is taken as it is."""
    if as_base64:
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            pass
    return text.encode("utf-8")


def messages_of(value: meta.Datum) -> Iterator[bytes]:
    """Yield what a queue output holds: bytes, a text, a QueueMessage, or a list of them.

    As on the real host, a text that is a JSON array is one message for each element.
    """
    if value.type == "bytes":
        yield value.value
        return
    try:
        parsed = json.loads(value.value)
    except ValueError:
        parsed = None
    if value.type == "json" or isinstance(parsed, list):
        for one in parsed if isinstance(parsed, list) else [parsed]:
            yield _message_text(one, of_sdk=value.type == "json").encode("utf-8")
    else:
        yield value.value.encode("utf-8")


def _message_text(one: Any, *, of_sdk: bool) -> str:
    """Return the text of one element; azure-functions itself writes a QueueMessage as id and body."""
    if of_sdk and isinstance(one, dict) and "body" in one:
        return one["body"]
    return one if isinstance(one, str) else json.dumps(one)


class StorageIO:
    """Reads and writes queue and blob bindings with the connection strings of the app's settings."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._lock = threading.Lock()
        self._made: set[tuple[str, ...]] = set()

    def _connection(self, binding: Binding) -> str:
        return connection_string(self._settings, str(binding.properties.get("connection") or ""))

    def queues(self, binding: Binding) -> QueueServiceClient:
        """Return the client of the account that a queue binding names. Raises SettingsError."""
        return _queue_service(self._connection(binding))

    def blobs(self, binding: Binding) -> BlobServiceClient:
        """Return the client of the account that a blob binding names. Raises SettingsError."""
        return _blob_service(self._connection(binding))

    def read(self, binding: Binding, data: Mapping[str, str]) -> meta.Datum | None:
        """Return the content of a blob, None when there is no such blob."""
        if binding.type != "blob":
            raise RuntimeError(
                f"the input binding '{binding.name}' of type {binding.type} is not served here"
            )
        from azure.core.exceptions import ResourceNotFoundError

        container, _, name = self._path(binding, data).partition("/")
        try:
            return meta.Datum(
                self.blobs(binding).get_blob_client(container, name).download_blob().readall(), "bytes"
            )
        except ResourceNotFoundError:
            return None

    def write(self, binding: Binding, value: meta.Datum, data: Mapping[str, str]) -> None:
        """Put messages into a queue, or write a blob; queue and container are made when they are missing."""
        if binding.type == "queue":
            for content in messages_of(value):
                self.send(binding, str(binding.properties["queueName"]), content)
        elif binding.type == "blob":
            content = value.value.encode("utf-8") if value.type == "string" else value.value
            self._upload(binding, self._path(binding, data), content)
        else:
            raise RuntimeError(
                f"the output binding '{binding.name}' of type {binding.type} is not served here"
            )

    def send(self, binding: Binding, queue_name: str, content: bytes) -> None:
        """Send one message to a queue of the binding's account."""
        client = self.queues(binding).get_queue_client(queue_name)
        self._make_once(("queue", self._connection(binding), queue_name), client.create_queue)
        client.send_message(encode_message(content, self._settings.queues.base64))

    def _upload(self, binding: Binding, path: str, content: bytes) -> None:
        container, _, name = path.partition("/")
        service = self.blobs(binding)
        made = functools.partial(service.create_container, container)
        self._make_once(("container", self._connection(binding), container), made)
        service.get_blob_client(container, name).upload_blob(content, overwrite=True)

    def _path(self, binding: Binding, data: Mapping[str, str]) -> str:
        return fill(str(binding.properties["path"]), data, datetime.now(UTC))

    def _make_once(self, key: tuple[str, ...], make: Any) -> None:
        from azure.core.exceptions import ResourceExistsError

        with self._lock:
            if key in self._made:
                return
            with contextlib.suppress(ResourceExistsError):
                make()
            self._made.add(key)


@functools.cache
def _queue_service(connection: str) -> QueueServiceClient:
    from azure.storage.queue import QueueServiceClient

    return QueueServiceClient.from_connection_string(connection, logger=sdk_log)


@functools.cache
def _blob_service(connection: str) -> BlobServiceClient:
    from azure.storage.blob import BlobServiceClient

    return BlobServiceClient.from_connection_string(connection, logger=sdk_log)

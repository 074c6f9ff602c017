"""Blob triggers: look for new and changed blobs, run the function for each version once.

That a version is done is noted in the account itself, as the real host does it: an empty blob in the
container ``azure-webjobs-hosts`` whose name holds the function and the ETag.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from azure.functions import meta

from devhost.app.annotations import plain_type
from devhost.app.index import FunctionInfo
from devhost.app.settings import QueueSettings
from devhost.triggers.binding_paths import BlobPattern
from devhost.triggers.queues import send
from devhost.workers.invocation import decode

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties
    from azure.storage.blob.aio import BlobServiceClient
    from azure.storage.queue.aio import QueueServiceClient

__all__ = ["BlobTrigger"]

_log = logging.getLogger("devhost.blobs")
_HOSTS = "azure-webjobs-hosts"
_POISON_QUEUE = "webjobs-blobtrigger-poison"
_ATTEMPTS = 5
_AT_ONCE = 8
_PAUSE = 2.0
_TROUBLE_PAUSE = 10.0
Invoke = Callable[..., Awaitable[Any]]


class BlobTrigger:
    """One blob function. Raises SettingsError for a path that cannot be watched."""

    def __init__(
        self,
        function: FunctionInfo,
        blobs: BlobServiceClient,
        queues: QueueServiceClient,
        settings: QueueSettings,
        invoke: Invoke,
    ):
        self._function = function
        self._blobs = blobs
        self._queues = queues
        self._settings = settings
        self._invoke = invoke
        self._pattern = BlobPattern(str(function.trigger.properties["path"]))
        self._done: dict[str, str] = {}
        self._as = plain_type(function)
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Look for blobs until cancelled."""
        in_trouble = False
        while True:
            try:
                await self.scan()
                in_trouble = False
            except Exception as error:  # noqa: BLE001 - the storage may come back at any time
                if not in_trouble:
                    _log.warning(
                        "Container '%s' cannot be read: %s", self._pattern.container, _first_line(error)
                    )
                in_trouble = True
            await asyncio.sleep(_TROUBLE_PAUSE if in_trouble else _PAUSE)

    async def scan(self) -> None:
        """Run the function for every blob that is new or has changed."""
        from azure.core.exceptions import ResourceNotFoundError

        container = self._blobs.get_container_client(self._pattern.container)
        waiting = []
        try:
            async for blob in container.list_blobs(
                name_starts_with=self._pattern.prefix or None, include="metadata"
            ):
                tokens = self._pattern.match(blob.name)
                if tokens is not None and self._done.get(blob.name) != blob.etag:
                    waiting.append(self._process(blob, tokens))
        except ResourceNotFoundError:
            return  # the container may be made later
        await asyncio.gather(*waiting)

    async def _process(self, blob: BlobProperties, tokens: dict[str, str]) -> None:
        async with self._slots:
            if not await self._has_receipt(blob):
                content = await self._download(blob)
                if content is None:
                    return  # it was deleted meanwhile
                await self._attempts(blob, content, tokens)
                await self._put_receipt(blob)
            self._done[blob.name] = blob.etag

    async def _attempts(self, blob: BlobProperties, content: bytes, tokens: dict[str, str]) -> None:
        path = f"{self._pattern.container}/{blob.name}"
        data = {**tokens, "BlobTrigger": path}
        for _ in range(_ATTEMPTS):
            if await self._attempt(self._value(blob, content, path), data):
                return
        _log.error("Blob '%s' has failed %d times; queue '%s' is told.", path, _ATTEMPTS, _POISON_QUEUE)
        await send(self._queues, _POISON_QUEUE, self._poison_message(blob), self._settings)

    async def _attempt(self, value: Any, data: dict[str, str]) -> bool:
        try:
            await self._invoke(self._function, value, data)
        except Exception:  # noqa: BLE001 - tried again; the last failure ends in the poison queue
            return False
        return True

    def _poison_message(self, blob: BlobProperties) -> bytes:
        message = {
            "Type": "BlobTrigger",
            "FunctionId": f"Host.Functions.{self._function.name}",
            "BlobType": "BlockBlob",
            "ContainerName": self._pattern.container,
            "BlobName": blob.name,
            "ETag": blob.etag,
        }
        return json.dumps(message).encode("utf-8")

    def _value(self, blob: BlobProperties, content: bytes, path: str) -> Any:
        if self._as is str:
            return content.decode("utf-8")
        if self._as is bytes:
            return content
        properties = {
            "Length": blob.size,
            "ContentLength": blob.size,
            "ETag": blob.etag,
            "ContentType": blob.content_settings.content_type,
            "LastModified": _iso(blob.last_modified),
            "CreatedOn": _iso(blob.creation_time),
        }
        metadata = {
            "BlobTrigger": meta.Datum(path, "string"),
            "Uri": meta.Datum(json.dumps(f"{self._blobs.url.rstrip('/')}/{path}"), "json"),
            "Properties": meta.Datum(json.dumps(properties), "json"),
            "Metadata": meta.Datum(json.dumps(blob.metadata or {}), "json"),
        }
        return decode(self._function.trigger, meta.Datum(content, "bytes"), metadata)

    async def _download(self, blob: BlobProperties) -> bytes | None:
        from azure.core.exceptions import ResourceNotFoundError

        client = self._blobs.get_blob_client(self._pattern.container, blob.name)
        try:
            return await (await client.download_blob()).readall()
        except ResourceNotFoundError:
            return None

    def _receipt(self, blob: BlobProperties) -> Any:
        version = blob.etag.strip('"')
        name = f"blobreceipts/{self._function.name}/{version}/{self._pattern.container}/{blob.name}"
        return self._blobs.get_blob_client(_HOSTS, name)

    async def _has_receipt(self, blob: BlobProperties) -> bool:
        return await self._receipt(blob).exists()

    async def _put_receipt(self, blob: BlobProperties) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            await self._receipt(blob).upload_blob(b"", overwrite=True)
        except ResourceNotFoundError:
            await self._blobs.create_container(_HOSTS)
            await self._receipt(blob).upload_blob(b"", overwrite=True)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]

"""Everything that starts functions of itself: timers, queues and blobs, and runs by hand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from devhost.app.index import AppIndex, FunctionInfo
from devhost.app.settings import Settings
from devhost.errors import AppError, SettingsError
from devhost.triggers.by_hand import trigger_value
from devhost.triggers.storage_io import connection_string, sdk_log
from devhost.triggers.timers import ScheduleMonitor, TimerTrigger
from devhost.workers.invocation import describe_error
from devhost.workers.worker import Worker

__all__ = ["Triggers"]

_log = logging.getLogger("devhost.triggers")
_STOP_SECONDS = 5.0


class Triggers:
    """The listeners of one app. They run on the loop that calls `start`.

    ``monitor_file`` remembers when timers ran; None keeps that in memory.
    """

    def __init__(self, index: AppIndex, worker: Worker, settings: Settings, monitor_file: Path | None):
        self._worker = worker
        self._settings = settings
        self._clients: dict[tuple[str, str], Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._problems: list[str] = []
        monitor = ScheduleMonitor(monitor_file)
        for function in index.enabled():
            self._listen(function, monitor)
        if self._problems:
            listing = "\n".join(f"  - {one}" for one in self._problems)
            raise AppError(f"The app cannot be started:\n{listing}")

    def _listen(self, function: FunctionInfo, monitor: ScheduleMonitor) -> None:
        makers = {
            "timerTrigger": lambda: TimerTrigger(function, self.invoke, monitor),
            "queueTrigger": lambda: self._queue(function),
            "blobTrigger": lambda: self._blob(function),
        }
        make = makers.get(function.trigger.type)
        if make is None:
            return
        try:
            self._listeners.append(make().run)
        except SettingsError as error:
            self._problems.append(f"function '{function.name}': {error}")

    def _queue(self, function: FunctionInfo) -> Any:
        from devhost.triggers.queues import QueueTrigger

        return QueueTrigger(function, self._client("queue", function), self._settings.queues, self.invoke)

    def _blob(self, function: FunctionInfo) -> Any:
        from devhost.triggers.blobs import BlobTrigger

        blobs, queues = self._client("blob", function), self._client("queue", function)
        return BlobTrigger(function, blobs, queues, self._settings.queues, self.invoke)

    def _client(self, kind: str, function: FunctionInfo) -> Any:
        text = connection_string(self._settings, str(function.trigger.properties.get("connection") or ""))
        if (kind, text) not in self._clients:
            if kind == "queue":
                from azure.storage.queue.aio import QueueServiceClient as Service
            else:
                from azure.storage.blob.aio import BlobServiceClient as Service
            try:
                # Polling notices an outage by itself; retries of the client would only slow it down.
                self._clients[kind, text] = Service.from_connection_string(
                    text, retry_total=0, logger=sdk_log
                )
            except ValueError as error:
                raise SettingsError(f"the connection string is not valid: {error}") from error
        return self._clients[kind, text]

    async def invoke(self, function: FunctionInfo, value: Any, data: Mapping[str, str] | None = None) -> Any:
        """Run a function; what it raises is logged and raised on."""
        try:
            limit = self._settings.function_timeout
            return await asyncio.wait_for(self._worker.invoke(function, value, data=data), limit)
        except Exception as error:
            told = describe_error(error)
            _log.error("Function '%s' failed: %s", function.name, told.traceback or told.message)
            raise

    async def run_by_hand(self, function: FunctionInfo, text: str) -> None:
        """Start a run of any function that is no HTTP function, and do not wait for its end."""

        async def run() -> None:
            try:
                value, data = trigger_value(function, text)
            except Exception as error:  # noqa: BLE001 - nobody waits for it
                _log.error("Function '%s' cannot be run by hand: %s", function.name, error)
                return
            with contextlib.suppress(Exception):  # told by invoke
                await self.invoke(function, value, data)

        self._keep(asyncio.get_running_loop().create_task(run()))

    def start(self) -> None:
        """Start all listeners."""
        for listener in self._listeners:
            self._keep(asyncio.get_running_loop().create_task(listener()))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("A listener has ended", exc_info=error)

    async def stop(self) -> None:
        """Take no new messages, give those at work a few seconds, and close the connections."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        for client in self._clients.values():
            await client.close()

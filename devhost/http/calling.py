"""Where HTTP functions run: in this process, or in the worker processes, as on the real host."""

from __future__ import annotations

import asyncio
from typing import Protocol

from devhost.app.index import FunctionInfo
from devhost.engine.ports import ActivityError
from devhost.workers.http_calls import HttpAnswer, HttpCall, answer_of
from devhost.workers.in_flight import timeout_text
from devhost.workers.invocations import Answer
from devhost.workers.pool import WorkerPool
from devhost.workers.worker import Worker

__all__ = ["CallFailed", "HttpCaller", "InHost", "InWorkers"]


class CallFailed(Exception):
    """A function failed in a worker process, or its process did. ``told`` says how."""

    def __init__(self, told: ActivityError):
        super().__init__(told.message)
        self.told = told


class HttpCaller(Protocol):
    """Calls HTTP functions."""

    async def call(self, function: FunctionInfo, call: HttpCall) -> HttpAnswer:
        """Return what a function answers. Raises what it raises, or CallFailed, and TimeoutError."""
        ...


class InHost:
    """Calls functions in this process; ``limit`` is functionTimeout in seconds, None for none."""

    def __init__(self, worker: Worker, limit: float | None):
        self._worker = worker
        self._limit = limit

    async def call(self, function: FunctionInfo, call: HttpCall) -> HttpAnswer:
        """Return what a function answers."""
        work = self._worker.invoke(function, call.request(), data=call.route, trace_parent=call.trace_parent)
        try:
            returned = await asyncio.wait_for(work, self._limit)
        except TimeoutError as error:
            if self._limit is None or error.args:
                raise
            raise TimeoutError(timeout_text(function.name, self._limit)) from error
        return answer_of(returned)


class InWorkers:
    """Calls functions in the worker processes, which keep the time limit."""

    def __init__(self, pool: WorkerPool):
        self._pool = pool

    async def call(self, function: FunctionInfo, call: HttpCall) -> HttpAnswer:
        """Return what a function answers."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Answer] = loop.create_future()

        def put(answer: Answer) -> None:
            if not waiting.done():
                waiting.set_result(answer)

        def answered(answer: Answer) -> None:
            loop.call_soon_threadsafe(put, answer)

        self._pool.submit(call.invocation(function.name), answered)
        answer = await waiting
        if answer.error is not None:
            raise CallFailed(answer.error)
        return HttpAnswer.read(answer)

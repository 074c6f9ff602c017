"""Runs functions of the app inside this process.

Plain functions run in a pool of threads, coroutines on one loop of their own, so that neither holds up the
loop that serves HTTP. Orchestrators and entities run in the thread of the engine, which calls them.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from azure.functions import meta

from devhost.app.index import AppIndex, FunctionInfo
from devhost.engine.ports import ActivityOutcome
from devhost.workers.in_flight import Done, InFlight
from devhost.workers.invocation import Call, Invoker, decode, describe_error, encode

__all__ = ["ActivityThreads", "Worker", "user_loop"]

_log = logging.getLogger("devhost.activities")
_making_loop = threading.Lock()


def user_loop() -> asyncio.AbstractEventLoop:
    """Return the loop that runs the app's coroutines, one for the whole life of the process.

    It is never replaced, since the SDK keeps one HTTP session in a global, which belongs to one loop.
    """
    with _making_loop:
        return _running_loop()


@functools.cache
def _running_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="user-coroutines", daemon=True).start()
    return loop


def _on_user_loop(work: Coroutine[Any, Any, Any]) -> Future[Any]:
    return asyncio.run_coroutine_threadsafe(work, user_loop())


async def _awaited(call: Call) -> Any:
    try:
        return await call.function.call(**call.arguments)
    except (SystemExit, KeyboardInterrupt) as error:
        # asyncio lets these two end the loop, and with it every other coroutine of the app.
        raise RuntimeError(f"the function raised {type(error).__name__}: {error}") from error


class Worker:
    """Invokes the functions of one app; the ``Runner`` of the engine. Activities go to ``activities``.

    Plain functions run in ``threads``: so many of its own, or those of somebody else.
    """

    def __init__(
        self,
        index: AppIndex,
        invoker: Invoker,
        activities: Any,
        threads: int | ThreadPoolExecutor | None = None,
    ):
        self._index = index
        self._invoker = invoker
        self._activities = activities
        given = isinstance(threads, ThreadPoolExecutor)
        self._pool = threads if given else ThreadPoolExecutor(threads, thread_name_prefix="function")

    def run_orchestrator(self, function_name: str, context_json: str) -> str:
        """Replay an orchestrator and return the SDK's reply; raises what it raises."""
        # The SDK wraps orchestrators and entities in a function whose parameter is `context`, whatever
        # name the binding has.
        return self._index.functions[function_name].call(context=context_json)

    def run_entity(self, function_name: str, batch_json: str) -> str:
        """Run a batch of operations and return the SDK's reply; raises what it raises."""
        return self._index.functions[function_name].call(context=batch_json)

    def submit_activity(self, function_name: str, input_json: str, done: Done) -> None:
        """Start an activity; ``done`` gets its outcome."""
        self._activities.submit_activity(function_name, input_json, done)

    async def invoke(
        self,
        function: FunctionInfo,
        value: Any,
        *,
        data: Mapping[str, str] | None = None,
        trace_parent: str = "",
    ) -> Any:
        """Call a function with a decoded trigger value, and write its outputs. Raises what it raises."""
        prepare = functools.partial(
            self._invoker.prepare, function, value, data=data, trace_parent=trace_parent
        )
        if not function.is_async:
            work = functools.partial(self._run, prepare)
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        if self._invoker.needs_io(function):
            return await self._invoke_with_io(prepare)
        call = prepare()
        return self._invoker.finish(call, await asyncio.wrap_future(_on_user_loop(_awaited(call))))

    async def _invoke_with_io(self, prepare: Callable[[], Call]) -> Any:
        run = asyncio.get_running_loop().run_in_executor
        call = await run(self._pool, prepare)
        returned = await asyncio.wrap_future(_on_user_loop(_awaited(call)))
        return await run(self._pool, self._invoker.finish, call, returned)

    def _run(self, prepare: Callable[[], Call]) -> Any:
        call = prepare()
        return self._invoker.finish(call, call.run())

    def stop(self) -> None:
        """Take no more calls. Threads that are inside of user code are left alone."""
        self._activities.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)


class ActivityThreads:
    """Runs activities in threads of this process; ``threads`` are these."""

    def __init__(self, index: AppIndex, invoker: Invoker, threads: int | None, limit: float | None):
        self._index = index
        self._invoker = invoker
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="activity")
        self._in_flight = InFlight[ActivityOutcome](limit, lambda error: ActivityOutcome(error=error))

    def submit_activity(self, function_name: str, input_json: str, done: Done) -> None:
        """Start an activity without blocking; ``done`` is called exactly once."""
        key = self._in_flight.add(function_name, done)
        function = self._index.functions[function_name]
        start = _start_async if function.is_async else _run_activity

        def finish(outcome: ActivityOutcome) -> None:
            if outcome.error is not None:
                error = outcome.error
                _log.warning("Activity '%s' failed: %s", function_name, error.traceback or error.message)
            self._in_flight.finish(key, outcome)

        self.threads.submit(start, self._invoker, function, input_json, finish)

    def stop(self) -> None:
        """Answer nothing more."""
        self._in_flight.close()
        self.threads.shutdown(wait=False, cancel_futures=True)


def _run_activity(invoker: Invoker, function: FunctionInfo, input_json: str, finish: Done) -> None:
    """Run a plain activity in the present thread."""
    try:
        call = _prepare(invoker, function, input_json)
        outcome = _outcome(invoker, call, call.run())
    except BaseException as error:  # noqa: BLE001 - SystemExit of user code must not end the thread unanswered
        outcome = ActivityOutcome(error=describe_error(error))
    finish(outcome)


def _start_async(invoker: Invoker, function: FunctionInfo, input_json: str, finish: Done) -> None:
    """Start a coroutine activity on the loop of the app; a thread prepares it, since bindings may block."""

    async def run(call: Call) -> ActivityOutcome:
        returned = await _awaited(call)
        return await asyncio.to_thread(_outcome, invoker, call, returned)

    def end(future: Future[ActivityOutcome]) -> None:
        try:
            finish(future.result())
        except BaseException as error:  # noqa: BLE001 - a cancelled future is an outcome too
            finish(ActivityOutcome(error=describe_error(error)))

    try:
        call = _prepare(invoker, function, input_json)
    except Exception as error:  # noqa: BLE001 - any error fails the activity and nothing else
        finish(ActivityOutcome(error=describe_error(error)))
        return
    _on_user_loop(run(call)).add_done_callback(end)


def _prepare(invoker: Invoker, function: FunctionInfo, input_json: str) -> Call:
    value = decode(function.trigger, meta.Datum(input_json, "json"), {})
    return invoker.prepare(function, value)


def _outcome(invoker: Invoker, call: Call, returned: Any) -> ActivityOutcome:
    return ActivityOutcome(result=encode(call.function.trigger, invoker.finish(call, returned)).value)

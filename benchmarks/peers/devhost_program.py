"""The embedded host's engine on a SQLite file, in one process: as `python -m devhost start` composes it.

BENCH_SYNCHRONOUS is NORMAL (default) or FULL, BENCH_STICKY 0 replays at each step. The work ``cold``: an
orchestration whose fan-out is over waits for an event, and a new engine on the same file finishes it.
"""

# `measure` is found beside this file when it is run.
# pyright: reportMissingImports=false
from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import measure

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from devhost.app.index import index_app
from devhost.app.settings import Settings
from devhost.clock import SystemClock
from devhost.engine.engine import Engine
from devhost.orchestration import sdk_speed
from devhost.orchestration.keeping import StickySettings, sticky_decider
from devhost.state.store import Store
from devhost.workers.invocation import Invoker
from devhost.workers.worker import ActivityThreads, Worker

app = df.DFApp()


@app.activity_trigger(input_name="value")
def same(value: int) -> int:
    """Return what it is given."""
    return value


@app.activity_trigger(input_name="value")
def increment(value: int) -> int:
    """Return the next number."""
    return value + 1


@app.orchestration_trigger(context_name="context")
def fan_out(context: Any):
    """Run many at once."""
    tasks = [context.call_activity("same", n) for n in range(context.get_input())]
    return sum((yield context.task_all(tasks)))


@app.orchestration_trigger(context_name="context")
def fan_out_and_wait(context: Any):
    """Run many at once, then wait for an event."""
    tasks = [context.call_activity("same", n) for n in range(context.get_input())]
    total = sum((yield context.task_all(tasks)))
    yield context.wait_for_external_event("go")
    return total


@app.orchestration_trigger(context_name="context")
def chain(context: Any):
    """Run one after the other."""
    value = 0
    for _ in range(context.get_input()):
        value = yield context.call_activity("increment", value)
    return value


class Devhost:
    """See `measure.Engine`."""

    def __init__(self, folder: Path) -> None:
        sdk_speed.install()
        settings = Settings(app_folder=folder, values={})
        index = _INDEX
        invoker = Invoker()
        activities = ActivityThreads(index, invoker, settings.thread_count, settings.function_timeout)
        full = os.environ.get("BENCH_SYNCHRONOUS") == "FULL"
        decider = None
        if os.environ.get("BENCH_STICKY") != "0":
            handle_of = partial(_handle, index)
            decider = sticky_decider(handle_of, StickySettings(), logging.getLogger("bench"))
        self._store = Store.open(folder / "state.db", full_sync=full)
        self._engine = Engine(
            store=self._store,
            clock=SystemClock(),
            runner=Worker(index, invoker, activities),
            catalog=index,
            settings=settings.durable,
            decider=decider,
        )
        self._engine.start()

    def stop(self) -> None:
        """Stop, and close the file."""
        self._engine.stop()
        self._store.close()

    def fan_out_to_the_end_but_one(self, size: int) -> str:
        """Run a fan-out whose orchestration then waits for an event; its instance id."""
        instance_id = self._start("fan_out_and_wait", size)
        self._engine.run_until_idle(600)
        return instance_id

    def finish(self, instance_id: str) -> int:
        """Send the event, and return the result."""
        self._engine.raise_event(instance_id, "go")
        return self._result(instance_id)

    def _start(self, name: str, size: int) -> str:
        return self._engine.start_instance(name, input=f'"{size}"')

    def _result(self, instance_id: str) -> int:
        found = self._engine.wait(instance_id, 600)
        if found is None or found.status != "Completed":
            raise RuntimeError(f"it did not complete: {found}")
        return int(found.output or "")

    def fan_out(self, size: int) -> int:
        return self._result(self._start("fan_out", size))

    def chain(self, size: int) -> int:
        return self._result(self._start("chain", size))

    def chains(self, instances: int, size: int) -> list[int]:
        started = [self._start("chain", size) for _ in range(instances)]
        return [self._result(one) for one in started]


_INDEX = index_app(app, Settings(app_folder=Path(), values={}))


def _handle(index, name: str):
    return index.functions[name].call


def cold_starts(folder: Path, size: int, rounds: int) -> None:
    """Time from opening the file to the end of the instance."""
    seconds = []
    for _ in range(rounds):
        first = Devhost(folder)
        instance_id = first.fan_out_to_the_end_but_one(size)
        first.stop()
        began = time.perf_counter()
        second = Devhost(folder)
        result = second.finish(instance_id)
        seconds.append(time.perf_counter() - began)
        second.stop()
        if result != size * (size - 1) // 2:
            raise RuntimeError(f"the work gave {result}")
    print(json.dumps({"seconds": seconds, "peak": measure.peak_mib()}), flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        if sys.argv[1] == "cold":
            cold_starts(Path(name), int(sys.argv[2]), int(sys.argv[3]))
        else:
            measure.run(Devhost(Path(name)))
        os._exit(0)

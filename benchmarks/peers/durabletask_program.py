"""Microsoft's Durable Task SDK on its in-memory backend: client, backend and worker in one process."""

# The packages are in an environment of their own, which the type checker does not see.
# pyright: reportMissingImports=false
from __future__ import annotations

import logging
import os
import socket

import measure
from durabletask.client import TaskHubGrpcClient
from durabletask.task import when_all
from durabletask.testing import create_test_backend
from durabletask.worker import TaskHubGrpcWorker


def same(_, value: int) -> int:
    """Return what it is given."""
    return value


def increment(_, value: int) -> int:
    """Return the next number."""
    return value + 1


def fan_out(context, size: int):
    """Run many at once."""
    results = yield when_all([context.call_activity(same, input=n) for n in range(size)])
    return sum(results)


def chain(context, size: int):
    """Run one after the other."""
    value = 0
    for _ in range(size):
        value = yield context.call_activity(increment, input=value)
    return value


class DurableTask:
    """See `measure.Engine`."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._backend = create_test_backend(port=port, max_history_size=100_000)
        address = f"localhost:{port}"
        quiet = logging.getLogger("quiet")
        quiet.addHandler(logging.NullHandler())
        quiet.setLevel(logging.CRITICAL)
        self._worker = TaskHubGrpcWorker(host_address=address, logger=quiet)
        for orchestrator in (fan_out, chain):
            self._worker.add_orchestrator(orchestrator)
        for activity in (same, increment):
            self._worker.add_activity(activity)
        self._worker.start()
        self._client = TaskHubGrpcClient(host_address=address, logger=quiet)

    def _result(self, instance_id: str) -> int:
        state = self._client.wait_for_orchestration_completion(instance_id, timeout=300)
        if state is None or state.serialized_output is None:
            raise RuntimeError(f"it did not complete: {state}")
        return int(state.serialized_output)

    def _run(self, orchestrator, size: int) -> int:
        return self._result(self._client.schedule_new_orchestration(orchestrator, input=size))

    def fan_out(self, size: int) -> int:
        return self._run(fan_out, size)

    def chain(self, size: int) -> int:
        return self._run(chain, size)

    def chains(self, instances: int, size: int) -> list[int]:
        started = [self._client.schedule_new_orchestration(chain, input=size) for _ in range(instances)]
        return [self._result(one) for one in started]


if __name__ == "__main__":
    measure.run(DurableTask())
    os._exit(0)

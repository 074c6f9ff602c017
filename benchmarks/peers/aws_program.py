"""The AWS durable execution SDK on its local test runner, in memory, in one process."""

# The packages are in an environment of their own, which the type checker does not see.
# pyright: reportMissingImports=false, reportCallIssue=false
from __future__ import annotations

import json
import logging
import os

import measure
from aws_durable_execution_sdk_python.config import MapConfig
from aws_durable_execution_sdk_python.context import durable_step
from aws_durable_execution_sdk_python.execution import durable_execution
from aws_durable_execution_sdk_python_testing.runner import DurableFunctionTestRunner


@durable_step
def same(_, value: int) -> int:
    """Return what it is given."""
    return value


@durable_step
def increment(_, value: int) -> int:
    """Return the next number."""
    return value + 1


@durable_execution
def handler(event, context) -> int:
    """Run what the event names."""
    size = event["size"]
    if event["work"] == "chain":
        value = 0
        for _ in range(size):
            value = context.step(increment(value))
        return value
    config = MapConfig(max_concurrency=40)
    found = context.map(list(range(size)), lambda child, n, index, all_: child.step(same(n)), config=config)
    return sum(found.get_results())


class Aws:
    """See `measure.Engine`."""

    def __init__(self) -> None:
        logging.disable(logging.CRITICAL)
        self._runner = DurableFunctionTestRunner(handler=handler, poll_interval=0.001)

    def _start(self, work: str, size: int) -> str:
        return self._runner.run_async(input=json.dumps({"work": work, "size": size}), execution_timeout=600)

    def _result(self, execution: str) -> int:
        found = self._runner.wait_for_result(execution, timeout=600)
        return int(found.result)

    def fan_out(self, size: int) -> int:
        return self._result(self._start("fan-out", size))

    def chain(self, size: int) -> int:
        return self._result(self._start("chain", size))

    def chains(self, instances: int, size: int) -> list[int]:
        started = [self._start("chain", size) for _ in range(instances)]
        return [self._result(one) for one in started]


if __name__ == "__main__":
    measure.run(Aws())
    os._exit(0)

"""Times one work of one engine, in a process of its own: ``python PEER.py WORK SIZE ROUNDS``.

Imports nothing of the project, since the peers' environments do not have it. Prints one JSON object: the
seconds of each round, and the peak memory of the process in MiB.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Protocol


class Engine(Protocol):
    """One durable engine with the three works; every call returns when the result is there."""

    def fan_out(self, size: int) -> int:
        """Run one instance that starts `size` activities at once, each given n and returning n; their sum."""
        ...

    def chain(self, size: int) -> int:
        """Run one instance of `size` activities one after the other, each adding 1; the last result."""
        ...

    def chains(self, instances: int, size: int) -> list[int]:
        """Run many instances of `chain` at the same time; their results."""
        ...


def _fan_out(engine: Engine, size: int) -> None:
    _check(engine.fan_out(size), size * (size - 1) // 2)


def _chain(engine: Engine, size: int) -> None:
    _check(engine.chain(size), size)


def _chains(engine: Engine, size: int) -> None:
    _check(engine.chains(size, 3), [3] * size)


def _check(found: object, expected: object) -> None:
    if found != expected:
        raise RuntimeError(f"the work gave {str(found)[:100]}, not {str(expected)[:100]}")


WORKS: dict[str, Callable[[Engine, int], None]] = {"fan-out": _fan_out, "chain": _chain, "chains": _chains}


def peak_mib() -> float:
    """The most memory this process has had so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def run(engine: Engine) -> None:
    """Do what the command line says; ends the process, since some engines have threads that do not."""
    name, size, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    work = WORKS[name]
    for warm_up in (1, 10):
        work(engine, warm_up)
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        work(engine, size)
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"seconds": seconds, "peak": peak_mib()}), flush=True)

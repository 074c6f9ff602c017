"""1,000 calls to a host that answers in 50 ms, 50 at a time: against the same client library used bare.

`python3 dev.py bench calls` (half a minute; `--quick` for a first look, which writes nothing).
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import aiohttp
import requests

from benchmarks import _counting, _host, _publish, _storage, _task_hub
from tests.fakes.odd_host import OddHost

CALLS, TOGETHER, WORKERS = 1_000, 50, 2
#: Settle may take so many times what the bare client takes.
MOST = 1.3
#: Seconds between two looks: callers are told to wait longer; here the end shall be seen soon.
POLL_SECONDS = 0.05
_SETTINGS = {
    "SETTLE_CALL_HOSTS": "127.0.0.1",
    "SETTLE_CALL_HTTP": "true",
    "SETTLE_CALL_LOOPBACK": "true",
    "SETTLE_CALL_PER_HOST": str(TOGETHER),
}


@dataclass(frozen=True)
class Cost:
    """What one list of calls cost: requests to the storage, events of histories, activities."""

    requests: int
    events: int
    activities: int


def _serve(ready: Connection) -> None:
    with OddHost() as host:
        ready.send(host.url)
        ready.recv()


@contextmanager
def slow_host() -> Iterator[str]:
    """A host that answers in 50 ms, in a process of its own; yields the address to call."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"{ours.recv()}/slow"
    finally:
        ours.send("end")
        process.join(10)


def bare_seconds(url: str) -> float:
    """How long the client library takes alone, with a semaphore."""

    async def all_calls() -> None:
        gate = asyncio.Semaphore(TOGETHER)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def one() -> None:
                async with gate, session.get(url) as answer:
                    assert answer.status == 200
                    await answer.read()

            await asyncio.gather(*(one() for _ in range(CALLS)))

    began = time.perf_counter()
    asyncio.run(all_calls())
    return time.perf_counter() - began


def settle_seconds(host: str, url: str) -> float:
    """From POST to the status that says it has ended; each call has an outcome by then."""
    limits = {"parallel": TOGETHER, "per_host": TOGETHER}
    body = {"calls": [{"url": url} for _ in range(CALLS)], "limits": limits}
    began = time.perf_counter()
    answer = requests.post(f"{host}/api/calls", json=body, timeout=60)
    answer.raise_for_status()
    status = _ended(answer.headers["Location"])
    took = time.perf_counter() - began
    if status["counts"] != {"ok": CALLS}:
        raise RuntimeError(f"not all calls were answered: {status}")
    return took


def _ended(url: str) -> Any:
    while (answer := requests.get(url, timeout=60)).status_code == 202:
        time.sleep(POLL_SECONDS)
    answer.raise_for_status()
    return answer.json()


def measure(rounds: int) -> tuple[list[tuple[float, float]], Cost]:
    """(bare, Settle) in seconds, in turn on a warm host; and what one list costs, counted apart."""
    os.environ.update(_SETTINGS)
    figures: list[tuple[float, float]] = []
    with slow_host() as url, _storage.fresh("calls") as storage:
        with _host.running(_host.ROOT, storage, workers=WORKERS, ready="/api/healthz") as host:
            for _ in range(WORKERS):
                settle_seconds(host.url, url)  # each worker has imported what it needs
            for _ in range(rounds):
                figures.append((bare_seconds(url), settle_seconds(host.url, url)))
                print("bare {:.2f} s, Settle {:.2f} s".format(*figures[-1]), flush=True)
        with (
            _counting.counting(storage) as (counted, requests_seen),
            _host.running(_host.ROOT, counted, workers=WORKERS, ready="/api/healthz") as host,
        ):
            settle_seconds(host.url, url)
            time.sleep(1)
            before, events = _task_hub.work(host.state), _task_hub.events(host.state)
            requests_seen.clear()
            _start_and_wait(host.url, url)
            seen = len(requests_seen.requests("app"))
            time.sleep(1)
            work = _task_hub.work(host.state).since(before)
            return figures, Cost(seen, _task_hub.events(host.state) - events, work.activities)


def _start_and_wait(host: str, url: str) -> None:
    """As a caller does who looks as seldom as it is told to: each look costs requests."""
    body = {"calls": [{"url": url}] * CALLS, "limits": {"parallel": TOGETHER, "per_host": TOGETHER}}
    answer = requests.post(f"{host}/api/calls", json=body, timeout=60)
    answer.raise_for_status()
    while requests.get(answer.headers["Location"], timeout=60).status_code == 202:
        time.sleep(int(answer.headers["Retry-After"]))


def report(figures: list[tuple[float, float]], cost: Cost) -> tuple[str, bool]:
    """The section of the README, and whether the ratio is reached."""
    bare = statistics.median(one for one, _ in figures)
    ours = statistics.median(other for _, other in figures)
    ratio = statistics.median(other / one for one, other in figures)
    is_reached = ratio <= MOST
    text = f"""
{CALLS:,} GETs to a server on this machine that answers in 50 ms, {TOGETHER} at a time. Bare is aiohttp with a
semaphore; Settle is `POST /api/calls` on the embedded host, from the request to the status that says it has
ended. Median of {len(figures)} rounds, in turn. The server's own pauses are {CALLS / TOGETHER * 0.05:.1f} s.

| | seconds | |
| --- | ---: | --- |
| bare | {bare:.2f} | |
| Settle | {ours:.2f} | |
| ratio | {ratio:.2f} | at most {MOST}: {"reached" if is_reached else "NOT reached"} |

| what a list of {CALLS:,} calls costs | in all | per call |
| --- | ---: | ---: |
| storage requests of the app, with one look at the status | {cost.requests} | {cost.requests / CALLS:.3f} |
| events in the history | {cost.events} | {cost.events / CALLS:.3f} |
| activities | {cost.activities} | {cost.activities / CALLS:.3f} |
"""
    return text, is_reached


def main() -> int:
    """Measure, write the section, and fail where the ratio is not reached."""
    parser = argparse.ArgumentParser(prog="python3 dev.py bench calls", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds; writes nothing")
    options = parser.parse_args()
    figures, cost = measure(2 if options.quick else 7)
    text, is_reached = report(figures, cost)
    if options.quick:
        print(text.strip(), flush=True)
    else:
        _publish.publish("calls", "Calls to other hosts", text)
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())

"""Signals to workflows that wait, against the same number of bare events through the same host.

`python3 dev.py bench signals` (about five minutes; `--quick` for a first look, which writes nothing).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

from benchmarks import _counting, _host, _publish, _storage

COUNT, COUNTED = 1000, 100
#: Signals a second, as a part of bare events a second.
LEAST = 0.7
#: Requests that are under way at the same time, and processes of the host that serve them.
AT_ONCE, WORKERS = 32, 1
APP = _host.ROOT / "benchmarks" / "waits"
BODY = {"line": "1", "quantity": 5, "unit": "KGM", "by": "scale 3"}
_LONGEST = 600.0

Send = Callable[[aiohttp.ClientSession, str], Awaitable[None]]


@dataclass(frozen=True)
class Round:
    """A second, so many: requests that were answered, and workflows that had ended.

    `processor`: milliseconds of the processor for one, by who used them, until all workflows had ended.
    """

    answered: float
    ended: float
    processor: dict[str, float]


@dataclass(frozen=True)
class Costs:
    """Events of the history of one workflow, and storage requests of one signal, by kind."""

    bare_events: float
    signal_events: float
    opening: Counter[str]
    signalling: Counter[str]


async def _start(session: aiohttp.ClientSession, name: str, instance: str) -> None:
    async with session.post(f"/start/{name}/{instance}") as answer:
        assert answer.status == 202, await answer.text()


async def _bare(session: aiohttp.ClientSession, instance: str) -> None:
    async with session.post(f"/bare/{instance}") as answer:
        assert answer.status == 202, await answer.text()


async def _signal(session: aiohttp.ClientSession, instance: str) -> None:
    async with session.post(f"/api/signals/goods-received/{instance}", json=BODY) as answer:
        told = await answer.json()
        assert (answer.status, told.get("waiting")) == (202, 1), told


SENDERS: dict[str, Send] = {"wait_bare": _bare, "wait_signal": _signal}


async def _all(count: int, one: Callable[[int], Awaitable[None]]) -> None:
    """Do something `count` times, `AT_ONCE` of them at the same time."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await one(number)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError("the workflows do not come to where they are waited for")
        await asyncio.sleep(0.2)


async def _opened(host: _host.BenchHost, name: str, prefix: str, count: int) -> None:
    async with aiohttp.ClientSession(host.url) as session:
        await _all(count, lambda n: _start(session, name, f"{prefix}-{n}"))
    waits = 1 if name == "wait_bare" else 2  # a workflow that opened its wait has had a second step
    await _until(lambda: _steps(host.state, prefix) >= waits * count)


async def _round(host: _host.BenchHost, name: str, prefix: str, count: int) -> Round:
    """Start workflows, let all of them wait, then send to each."""
    await _opened(host, name, prefix, count)
    async with aiohttp.ClientSession(host.url) as session:
        before = _processor(host)
        begun = time.perf_counter()
        await _all(count, lambda n: SENDERS[name](session, f"{prefix}-{n}"))
        answered = time.perf_counter() - begun
        await _until(lambda: _ended(host.state, prefix) == count)
        ended = time.perf_counter() - begun
        spent = {who: 1000 * (after - before[who]) / count for who, after in _processor(host).items()}
        return Round(count / answered, count / ended, spent)


def _processor(host: _host.BenchHost) -> dict[str, float]:
    """Seconds of the processor so far. The storage is what else was started by this process."""
    tree = psutil.Process(host.process.pid)
    workers = tree.children(recursive=True)
    others = set(psutil.Process().children(recursive=True)) - {tree, *workers}
    return {"host and app": _seconds([tree, *workers]), "storage": _seconds(others)}


def _seconds(processes: Iterable[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes if process.is_running()]
    return sum(one.user + one.system for one in times)


def _ask(state: Path, question: str, prefix: str) -> list[tuple[str | int, ...]]:
    """Ask a copy of the task hub: the host keeps its file to itself."""
    with tempfile.TemporaryDirectory() as folder:
        for file in state.parent.glob(f"{state.name}*"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(file, folder)
        try:
            with contextlib.closing(sqlite3.connect(Path(folder) / state.name)) as hub:
                return hub.execute(question, (f"{prefix}-%",)).fetchall()
        except sqlite3.DatabaseError:
            return []  # copied in the middle of a change


def _steps(state: Path, prefix: str) -> int:
    return len(_ask(state, "SELECT number FROM history WHERE instance_id LIKE ?", prefix))


def _ended(state: Path, prefix: str) -> int:
    question = "SELECT instance_id FROM instances WHERE status = 'Completed' AND instance_id LIKE ?"
    return len(_ask(state, question, prefix))


def _events(state: Path, prefix: str) -> int:
    question = "SELECT events FROM history WHERE instance_id LIKE ?"
    return sum(len(json.loads(f"[{events}]")) for (events,) in _ask(state, question, prefix))


def measure(rounds: int, count: int) -> dict[str, list[Round]]:
    """Rounds of both, in turn; the first of each warms the host up and does not count."""
    found: dict[str, list[Round]] = {name: [] for name in SENDERS}
    with _storage.fresh("signals") as storage, _running(storage) as host:
        for number in range(rounds + 1):
            for name, before in found.items():
                size = count if number else 100
                figures = asyncio.run(_round(host, name, f"{name[5:]}{number}", size))
                print(f"{number}. {name}: {figures.answered:.0f}/s, {figures.ended:.0f}/s", flush=True)
                before += [figures] if number else []
    return found


def costs() -> Costs:
    """What one costs, by counting a few."""
    with (
        _storage.fresh("signals-counted") as storage,
        _counting.counting(storage) as (counted_storage, counted),
        _running(counted_storage) as host,
    ):
        asyncio.run(_round(host, "wait_bare", "bare", COUNTED))
        counted.clear()
        asyncio.run(_opened(host, "wait_signal", "signal", COUNTED))
        opening = counted.by_kind("app")
        counted.clear()

        async def send() -> None:
            async with aiohttp.ClientSession(host.url) as session:
                await _all(COUNTED, lambda n: _signal(session, f"signal-{n}"))
            await _until(lambda: _ended(host.state, "signal") == COUNTED)

        asyncio.run(send())
        bare, signals = (_events(host.state, prefix) / COUNTED for prefix in ("bare", "signal"))
        return Costs(bare, signals, opening, counted.by_kind("app"))


def _running(storage: str) -> contextlib.AbstractContextManager[_host.BenchHost]:
    return _host.running(APP, storage, workers=WORKERS, ready="/ready")


def report(found: dict[str, list[Round]], spent: Costs, count: int) -> tuple[str, bool]:
    """The section of the README, and whether the ratio is reached."""
    answered = {name: statistics.median(one.answered for one in rounds) for name, rounds in found.items()}
    ended = {name: statistics.median(one.ended for one in rounds) for name, rounds in found.items()}
    ratio = answered["wait_signal"] / answered["wait_bare"]
    whole = ended["wait_signal"] / ended["wait_bare"]
    text = f"""
{count:,} workflows wait, and {count:,} requests are sent, {AT_ONCE} at a time, one to each workflow: a bare
`raise_event`, and a signal. An event is kept by the host alone. A signal is written to the storage, then who
waits is looked up there and woken, and reads it there. Both go through the same host, which has one process
for all. Storage, host and sender share the machine: where it is busy otherwise, requests of the storage
suffer more than the host alone, so look at the time of the processor too.

| a second | bare events | signals | ratio | at least {LEAST} |
| --- | ---: | ---: | ---: | --- |
| taken in | {answered["wait_bare"]:.0f} | {answered["wait_signal"]:.0f} | {ratio:.2f} | {_yes(ratio)} |
| until all ended | {ended["wait_bare"]:.0f} | {ended["wait_signal"]:.0f} | {whole:.2f} | {_yes(whole)} |

Milliseconds of the processor for one, from the sending until all workflows had ended:

| processor, ms | bare event | signal |
| --- | ---: | ---: |
{_processors(found)}

A workflow that waits for one bare event has {spent.bare_events:.0f} events in its history, one that waits
for one signal {spent.signal_events:.0f}: it opens its wait, reads once and ends its wait, each an activity.

| storage requests of one signal | opening the wait | signal, reading, end |
| --- | ---: | ---: |
{_rows(spent)}
"""
    return text, ratio >= LEAST


def _rows(spent: Costs) -> str:
    kinds = sorted(spent.opening.keys() | spent.signalling.keys())
    lines = [
        f"| `{kind}` | {spent.opening[kind] / COUNTED:.1f} | {spent.signalling[kind] / COUNTED:.1f} |"
        for kind in kinds
        if max(spent.opening[kind], spent.signalling[kind]) >= COUNTED // 20
    ]
    whole = (spent.opening.total() / COUNTED, spent.signalling.total() / COUNTED)
    return "\n".join([*lines, f"| together | {whole[0]:.1f} | {whole[1]:.1f} |"])


def _processors(found: dict[str, list[Round]]) -> str:
    def median(name: str, who: str) -> float:
        return statistics.median(one.processor[who] for one in found[name])

    names = list(found["wait_bare"][0].processor)
    lines = [(who, median("wait_bare", who), median("wait_signal", who)) for who in names]
    lines.append(("together", sum(line[1] for line in lines), sum(line[2] for line in lines)))
    return "\n".join(f"| {who} | {bare:.1f} | {signals:.1f} |" for who, bare, signals in lines)


def _yes(ratio: float) -> str:
    return "yes" if ratio >= LEAST else "no"


def main() -> int:
    """Measure, write the section, and fail where the ratio is not reached."""
    parser = argparse.ArgumentParser(prog="python3 dev.py bench signals", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 of each, once; writes nothing")
    parser.add_argument("--rounds", type=int, default=3, help="of each (default: 3)")
    options = parser.parse_args()
    count = 200 if options.quick else COUNT
    found = measure(1 if options.quick else options.rounds, count)
    text, reached = report(found, costs(), count)
    if options.quick:
        print(text.strip(), flush=True)
    else:
        _publish.publish("signals", "Signals to workflows that wait", text)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())

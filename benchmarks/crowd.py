"""A small batch behind a crowd of approvals, and what both cost in storage requests and activities.

`python3 dev.py bench crowd` (about ten minutes; `--quick` for a first look, which writes nothing).
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from benchmarks import _budget, _counting, _host, _publish, _storage, _task_hub
from benchmarks.batch import WORKERS, Documents, documents, polled, zipped

SMALL, CHECKED = 44, 1000
#: A small batch may take so many times of its time alone.
MOST_TIMES = 2.0
#: Alone, so many small batches are timed before each crowd, and as many after it.
ALONE = 6
#: Small batches come at any moment of the three seconds between two windows of approvals.
LONGEST_PAUSE = 3.0
#: Nothing is under way any more when the app has sent nothing for so long.
QUIET_SECONDS, MOST_SECONDS = 9.0, 900.0
IDLE_SECONDS = 30
SAMPLES = _host.ROOT / "samples" / "invoices"


@dataclass(frozen=True)
class Times:
    """Seconds of small batches, from POST to the end: alone, and while a crowd was opened for approval."""

    alone: list[float]
    behind: list[float]

    @property
    def ratio(self) -> float:
        """How many times of its time alone a small batch takes."""
        return statistics.median(self.behind) / statistics.median(self.alone)


@dataclass(frozen=True)
class Cost:
    """Storage requests of the app and of the host, the work of runs, and seconds until all was done."""

    app: int
    host: int
    work: _task_hub.Work
    seconds: float


@dataclass(frozen=True)
class Costs:
    """What each piece of work costs; `CHECKED` documents were only checked, `count` opened for approval."""

    count: int
    checked: Cost
    approved: Cost
    small: Cost
    samples: Cost
    idle: Cost


# ---------------------------------------------------------------- seconds


def times(host: _host.BenchHost, count: int, alone: int, seed: int) -> Times:
    """Time small batches before, behind and after a crowd of `count` documents that wait for people."""
    chance = random.Random(seed)
    seeds = iter(range(seed + 1, seed + 1000))

    def small() -> float:
        began = time.perf_counter()
        _done(host, documents(SMALL, next(seeds)), approval=False)
        return time.perf_counter() - began

    def quiet_one() -> float:
        time.sleep(1)
        return small()

    before = [quiet_one() for _ in range(alone)]
    crowd = _done(host, documents(count, seed), approval=True)
    behind = []
    while _open_approvals(host) < crowd["counts"]["valid"]:
        time.sleep(chance.uniform(0, LONGEST_PAUSE))
        behind.append(small())
    # The last one may have come when all were open.
    behind = behind[:-1] or behind
    time.sleep(QUIET_SECONDS)
    return Times(before + [quiet_one() for _ in range(alone)], behind)


def all_times(count: int, rounds: int, alone: int) -> Times:
    """All rounds together, each on a fresh host; the first small batches of a host only warm it up."""
    found = Times([], [])
    for number in range(rounds):
        with (
            _storage.fresh("crowd") as storage,
            _host.running(_host.ROOT, storage, workers=WORKERS, ready="/api/healthz") as host,
        ):
            for warm_up in range(3):
                _done(host, documents(SMALL, seed=10 + warm_up), approval=False)
            one = times(host, count, alone, seed=10_000 * (number + 1))
        print(f"alone  {_shown(one.alone)}\nbehind {_shown(one.behind)}", flush=True)
        found = Times(found.alone + one.alone, found.behind + one.behind)
    return found


def _shown(seconds: list[float]) -> str:
    return " ".join(f"{one:.2f}" for one in seconds)


# ---------------------------------------------------------------- costs


def costs(count: int) -> Costs:
    """Count what each piece of work costs, one after the other on one host."""
    samples = [(path.name, path.read_bytes()) for path in sorted(SAMPLES.iterdir()) if path.is_file()]
    with _counted_host() as (host, counted):
        _done(host, documents(SMALL, seed=1), approval=False)
        checked = _cost(host, counted, documents(CHECKED, seed=2), approval=False)
        small = _cost(host, counted, documents(SMALL, seed=3), approval=False)
        idle = _idle(host, counted)
        approved = _cost(host, counted, documents(count, seed=4), approval=True)
    # The samples find a storage of their own: what they find there is a part of what they show.
    with _counted_host() as (host, counted):
        ended = _cost(host, counted, samples, approval=True)
    return Costs(count, checked, approved, small, ended, idle)


@contextlib.contextmanager
def _counted_host() -> Iterator[tuple[_host.BenchHost, _counting.Counted]]:
    with (
        _storage.fresh("crowd") as storage,
        _counting.counting(storage) as (counted_storage, counted),
        _host.running(_host.ROOT, counted_storage, workers=WORKERS, ready="/api/healthz") as host,
    ):
        time.sleep(2)  # for what runs at the start
        yield host, counted


def _cost(host: _host.BenchHost, counted: _counting.Counted, some: Documents, *, approval: bool) -> Cost:
    """From the upload until nothing is under way: with approval, people have their messages then."""
    counted.clear()
    before = _task_hub.work(host.state)
    began = time.perf_counter()
    _done(host, some, approval=approval, as_told=True)  # each look at the status costs a request too
    ended = _settled(counted) if approval else time.perf_counter()
    cost = Cost(
        len(counted.requests("app")),
        len(counted.requests("host")),
        _task_hub.work(host.state).since(before),
        ended - began,
    )
    for kind, number in counted.by_kind("app").most_common():
        print(f"{number:7,} {kind}")
    print(f"{len(some)} documents, approval {approval}: {cost}", flush=True)
    return cost


def _idle(host: _host.BenchHost, counted: _counting.Counted) -> Cost:
    time.sleep(QUIET_SECONDS)
    counted.clear()
    before = _task_hub.work(host.state)
    time.sleep(IDLE_SECONDS)
    done = _task_hub.work(host.state).since(before)
    return Cost(len(counted.requests("app")), len(counted.requests("host")), done, IDLE_SECONDS)


def _settled(counted: _counting.Counted) -> float:
    """Wait until the app is quiet; returns since when it is."""
    deadline = time.perf_counter() + MOST_SECONDS
    seen, since = -1, 0.0
    while time.perf_counter() < deadline:
        number = len(counted.requests("app"))
        if number != seen:
            seen, since = number, time.perf_counter()
        elif time.perf_counter() - since > QUIET_SECONDS:
            return since
        time.sleep(0.2)
    raise RuntimeError(f"the app did not become quiet within {MOST_SECONDS:.0f} s")


# ---------------------------------------------------------------- asking the app


def _done(host: _host.BenchHost, some: Documents, *, approval: bool, as_told: bool = False) -> Any:
    """Send a batch and wait for its report, as `batch.polled`; returns its status."""
    headers = {"Content-Type": "application/zip", "Idempotency-Key": uuid.uuid4().hex}
    url = f"{host.url}/api/batches?approval={str(approval).lower()}"
    answer = requests.post(url, data=zipped(some), headers=headers, timeout=120)
    answer.raise_for_status()
    return polled(answer.headers["Location"], as_told=as_told)


def _open_approvals(host: _host.BenchHost) -> int:
    answer = requests.get(f"{host.url}/api/approvals?top=1", timeout=60)
    answer.raise_for_status()
    return int(answer.json()["total"])


# ---------------------------------------------------------------- the report


@dataclass(frozen=True)
class Bound:
    """A figure and what it may be at most."""

    what: str
    most: float
    found: float
    form: str = ",.0f"

    @property
    def is_kept(self) -> bool:
        """Say whether the figure is within its bound."""
        return self.found <= self.most

    @property
    def row(self) -> str:
        """A row of the table."""
        answer = "yes" if self.is_kept else "NO"
        return f"| {self.what} | {self.most:{self.form}} | {self.found:{self.form}} | {answer} |"


def bounds(timed: Times, cost: Costs) -> list[Bound]:
    """What is held against the budget; storage requests per 1,000 invoices."""
    before = _budget.BEFORE
    return [
        Bound(f"report of {SMALL} behind the crowd / alone", MOST_TIMES, timed.ratio, ".2f"),
        Bound("requests, 1,000 only checked", before.checked, cost.checked.app),
        Bound("requests, 1,000 opened, people told", before.approved, cost.approved.app * 1000 / cost.count),
        Bound("requests, the samples with approvals", before.samples, cost.samples.app),
        Bound(f"requests, {IDLE_SECONDS} idle seconds: app", _budget.IDLE_APP, cost.idle.app),
        Bound(f"requests, {IDLE_SECONDS} idle seconds: host", _budget.IDLE_HOST, cost.idle.host),
    ]


def report(timed: Times, cost: Costs) -> str:
    """The section of the README."""
    rows = "\n".join(bound.row for bound in bounds(timed, cost))
    works = {
        f"{CHECKED:,} only checked": cost.checked,
        f"{SMALL} only checked": cost.small,
        f"{cost.count:,} opened for approval, people told": cost.approved,
        "the samples with approvals": cost.samples,
    }
    figures = "\n".join(
        f"| {name} | {one.work.activities:,} | {one.work.steps:,} | {one.app:,} | {one.seconds:.1f} |"
        for name, one in works.items()
    )
    return f"""
A batch of {SMALL} is timed from POST to its report: alone, and at random moments while one of {cost.count:,}
that has its report is opened for approval; {WORKERS} worker processes, embedded host, each round a fresh one.
Requests are counted between the app and its storage; [docs/budget.md](../docs/budget.md) has the bounds.

| what | at most | found | kept |
| --- | ---: | ---: | --- |
{rows}

Medians behind the ratio: alone {_summary(timed.alone)}; behind the crowd {_summary(timed.behind)}.

| work | activities | steps of orchestrators | requests of the app | seconds |
| --- | ---: | ---: | ---: | ---: |
{figures}
"""


def _summary(seconds: list[float]) -> str:
    most = max(seconds)
    return f"{statistics.median(seconds):.2f} s ({len(seconds)} batches, the slowest {most:.2f} s)"


def main() -> int:
    """Measure and publish; returns 1 where a bound is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, smaller batches, nothing is written")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    count, rounds, alone = (200, 1, 3) if arguments.quick else (1000, arguments.rounds, ALONE)
    cost, timed = costs(count), all_times(count, rounds, alone)
    if arguments.quick:
        print(report(timed, cost))
    else:
        _publish.publish("crowd", "A small batch behind a crowd", report(timed, cost))
    return 0 if all(bound.is_kept for bound in bounds(timed, cost)) else 1


if __name__ == "__main__":
    sys.exit(main())

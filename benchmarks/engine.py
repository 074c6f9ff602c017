"""The embedded host's engine against durable engines that install from PyPI, on the same work.

`python3 dev.py bench engine` (about ten minutes; `--quick` for a first look, which writes nothing).
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import _peers, _publish
from benchmarks._peers import OURS, Figures

# How each column is run: the program, and the synchronous level of its SQLite file.
COLUMNS = {
    "devhost": ("devhost", "NORMAL"),
    "devhost FULL": ("devhost", "FULL"),
    "durabletask": ("durabletask", ""),
    "dbos": ("dbos", ""),
    "aws": ("aws", ""),
    "dbos tuned": ("dbos", "NORMAL"),
}
PEERS = ("durabletask", "dbos", "aws")
TUNED = "dbos tuned"
# (work, size) -> engine -> the figures of each process
Measured = dict[tuple[str, int], dict[str, list[Figures]]]


@dataclass(frozen=True)
class Work:
    """One work of the table: how often per process, and who does it."""

    name: str
    size: int
    rounds: int
    engines: tuple[str, ...]


def works(quick: bool) -> list[Work]:
    """What is measured."""
    everyone = tuple(COLUMNS)
    chains = 50 if quick else 200
    return [
        Work("fan-out", 100, 10, (OURS,)),
        Work("fan-out", 1000, 1 if quick else 3, everyone),
        # As it comes, dbos would take minutes.
        Work("fan-out", 5000, 1 if quick else 3, tuple(one for one in COLUMNS if one != "dbos")),
        Work("chain", 200, 1 if quick else 3, everyone),
        Work("chain", 1, 50 if quick else 200, everyone),
        Work("chains", chains, 1 if quick else 3, everyone),
        Work("cold", 5000, 3, (OURS,)),
    ]


# What takes minutes is measured once in a process, and in one process only.
_SLOW = {("fan-out", 5000, "aws"), ("fan-out", 1000, "dbos"), ("chain", 200, "dbos"), ("chains", 200, "dbos")}


def measure(some: list[Work], processes: int) -> Measured:
    """Run everything: in turn, so that a busy moment of the machine meets all engines alike."""
    found: Measured = defaultdict(lambda: defaultdict(list))
    for number in range(processes):
        for work in some:
            for engine in work.engines:
                if number and (work.name, work.size, engine) in _SLOW:
                    continue
                figures = _run(work, engine)
                found[work.name, work.size][engine].append(figures)
                median = statistics.median(figures.seconds)
                print(f"{number + 1}. {work.name} {work.size}, {engine}: {median:.4f} s", flush=True)
    return found


def _run(work: Work, engine: str) -> Figures:
    program, synchronous = COLUMNS[engine]
    rounds = 1 if (work.name, work.size, engine) in _SLOW else work.rounds
    return _peers.run(program, work.name, work.size, rounds, synchronous)


# -- figures of one engine


def _seconds(runs: list[Figures]) -> list[float]:
    return [one for figures in runs for one in figures.seconds]


def _per_second(size: int) -> Callable[[list[Figures]], float]:
    return lambda runs: size / statistics.median(_seconds(runs))


def _milliseconds(part: float) -> Callable[[list[Figures]], float]:
    def figure(runs: list[Figures]) -> float:
        return 1000 * statistics.quantiles(_seconds(runs), n=100)[round(part * 100) - 1]

    return figure


def _peak(runs: list[Figures]) -> float:
    return statistics.median(figures.peak for figures in runs)


# -- the table


@dataclass(frozen=True)
class Row:
    """One row: ``figure`` of each engine, and how ours must stand to the best (or one) of the peers."""

    title: str
    unit: str
    work: tuple[str, int]
    figure: Callable[[list[Figures]], float]
    target: str
    reached: Callable[[float], bool]
    more_is_better: bool = True
    against: tuple[str, ...] = PEERS


def rows(some: list[Work]) -> list[Row]:
    """The rows in which peers take part."""
    large = max(work.size for work in some if work.name == "fan-out")
    chains = next(work.size for work in some if work.name == "chains")
    one = ("chain", 1)
    third = 1 / 3
    return [
        Row(
            "fan-out of 1,000", "activities/s", ("fan-out", 1000), _per_second(1000), "5 ×", lambda r: r >= 5
        ),
        Row(
            f"fan-out of {large:,}",
            "activities/s",
            ("fan-out", large),
            _per_second(large),
            "6 ×",
            lambda r: r >= 6,
        ),
        Row("chain of 200 steps", "steps/s", ("chain", 200), _per_second(200), "3 ×", lambda r: r >= 3),
        Row("one activity, p50", "ms", one, _milliseconds(0.5), "⅓", lambda r: r <= third, False),
        Row("one activity, p95", "ms", one, _milliseconds(0.95), "⅓", lambda r: r <= third, False),
        Row(
            f"{chains} chains of 3",
            "instances/s",
            ("chains", chains),
            _per_second(chains),
            "5 ×",
            lambda r: r >= 5,
        ),
        Row(
            f"peak memory, {large:,}",
            "MiB",
            ("fan-out", large),
            _peak,
            "1.3 × durabletask",
            lambda r: r <= 1.3,
            False,
            ("durabletask",),
        ),
    ]


def _line(row: Row, found: Measured) -> str:
    figures = {engine: row.figure(runs) for engine, runs in found[row.work].items()}
    best = (max if row.more_is_better else min)(figures[peer] for peer in row.against if peer in figures)
    ratio = figures[OURS] / best
    cells = [_number(figures[engine]) if engine in figures else "" for engine in COLUMNS]
    verdict = _verdict(row.reached(ratio))
    tuned = _number(figures[OURS] / figures[TUNED])
    last = [_number(ratio), row.target, verdict, tuned]
    return f"| {row.title}, {row.unit} | {' | '.join(cells + last)} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def report(some: list[Work], found: Measured) -> str:
    """The section of the README."""
    large = max(work.size for work in some if work.name == "fan-out")
    each = {size: 1 / _per_second(size)(found["fan-out", size][OURS]) for size in (100, large)}
    growth = each[large] / each[100]
    cold = statistics.median(_seconds(found["cold", large][OURS]))
    versions = ", ".join(f"{peer} {_peers.version(peer)}" for peer in PEERS)
    lines = "\n".join(_line(row, found) for row in rows(some))
    return f"""
No-op activities. `devhost` writes every step to a SQLite file: WAL, synchronous NORMAL (`devhost FULL`:
FULL). `durabletask` and `aws` run on the in-memory backends of their test packages and keep nothing. `dbos`
is on SQLite as it comes, with a rollback journal and FULL; `dbos tuned` has WAL and NORMAL as `devhost` has,
for which the package has no setting. Versions: {versions}.

The ratio is devhost to the best of `durabletask`, `dbos` and `aws` (memory: to `durabletask`), the last
column devhost to `dbos tuned`. Of times and memory less is better.

| work | {" | ".join(COLUMNS)} | ratio | to reach | reached | to tuned |
| --- |{" ---: |" * len(COLUMNS)} ---: | --- | --- | ---: |
{lines}

| devhost alone | figure | to reach | reached |
| --- | ---: | --- | --- |
| cost of an activity, {large:,} / 100 at once | {growth:.2f} | at most 1.2 | {_verdict(growth <= 1.2)} |
| cold start on {large:,} ended activities | {cold:.3f} s | 0.25 s | {_verdict(cold <= 0.25)} |
"""


def _verdict(reached: bool) -> str:
    return "yes" if reached else "**no**"


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one process each, smaller; nothing is written")
    parser.add_argument("--processes", type=int, default=3, help="processes per engine and work (default: 3)")
    arguments = parser.parse_args()
    for peer in PEERS:
        _peers.prepare(peer)
    some = works(arguments.quick)
    found = measure(some, 1 if arguments.quick else arguments.processes)
    if arguments.quick:
        print(report(some, found))
        return
    _publish.publish("engine", "The engine, against others", report(some, found))


if __name__ == "__main__":
    main()

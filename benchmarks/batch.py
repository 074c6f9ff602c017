"""A batch of 1,000 invoices from POST to report: against a bare loop, against a naive app, and at 10,000.

`python3 dev.py bench batch` (about five minutes; `--quick` for a first look, which writes nothing).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests

from benchmarks import _bare, _host, _publish, _storage
from samples.generator import generate

WORKERS = 2
# Callers are told to come back after two seconds; here the end shall be seen soon, and on all sides alike.
POLL_SECONDS = 0.1
COPIES = 0.01
# The rules' own heap grows over the first thousand documents of a process, which slows those down.
WARM_UP = 1000
NAIVE = Path(__file__).resolve().parent / "naive"
Documents = list[tuple[str, bytes]]
Counts = dict[str, int]


def documents(count: int, seed: int) -> Documents:
    """Generated invoices, other ones for each seed; one in a hundred came before under another name."""
    copies = int(count * COPIES)
    some = list(generate(count - copies, seed))
    return [*some, *((f"again-{name}", content) for name, content in some[:copies])]


def zipped(some: Documents) -> bytes:
    """The documents as a caller would send them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in some:
            archive.writestr(name, content)
    return buffer.getvalue()


def expected(count: int) -> Counts:
    """What either side has to find in `documents`."""
    copies = int(count * COPIES)
    return {"valid": count - copies, "duplicate": copies}


def settle_seconds(host: _host.BenchHost, some: Documents) -> float:
    """From POST to the report, read."""
    body, began = zipped(some), time.perf_counter()
    headers = {"Content-Type": "application/zip", "Idempotency-Key": uuid.uuid4().hex}
    # Approval begins after the report and goes on for days: it is no part of what is measured here.
    url = f"{host.url}/api/batches?approval=false"
    answer = requests.post(url, data=body, headers=headers, timeout=120)
    answer.raise_for_status()
    status = polled(answer.headers["Location"])
    report = requests.get(status["links"]["report_html"], timeout=60)
    report.raise_for_status()
    took = time.perf_counter() - began
    _require(status["counts"], len(some))
    return took


def naive_seconds(host: _host.BenchHost, some: Documents) -> float:
    """From POST to the end of the orchestration, which has written the report."""
    body, url = zipped(some), f"{host.url}/api/naive/{uuid.uuid4().hex}"
    began = time.perf_counter()
    requests.post(url, data=body, timeout=120).raise_for_status()
    counts = polled(url)
    took = time.perf_counter() - began
    _require(counts, len(some))
    return took


def polled(url: str, *, as_told: bool = False) -> Any:
    """The answer when the work behind a status URL has ended; `as_told`: asked as seldom as callers shall."""
    while (answer := requests.get(url, timeout=60)).status_code == 202:
        time.sleep(int(answer.headers["Retry-After"]) if as_told else POLL_SECONDS)
    answer.raise_for_status()
    return answer.json()


def _require(counts: Counts, count: int) -> None:
    if counts != expected(count):
        raise RuntimeError(f"expected {expected(count)}, found {counts}")


@contextlib.contextmanager
def _warm(
    name: str, app: Path, ready: str, work: Callable[[_host.BenchHost, Documents], float]
) -> Iterator[Callable[[Documents], float]]:
    """A host with storage of its own that has checked `WARM_UP` documents; yields what times a batch."""
    with (
        _storage.fresh(name) as storage,
        _host.running(app, storage, workers=WORKERS, ready=ready) as host,
    ):
        work(host, documents(WARM_UP, seed=1))
        yield lambda some: work(host, some)


def against_bare_and_naive(count: int, rounds: int) -> list[tuple[float, float, float]]:
    """(bare loop, Settle, naive) in seconds, in turn, each round with documents and storage of its own."""
    loop = _bare.BareLoop(WORKERS, documents(WARM_UP, seed=1))
    figures = []
    try:
        for number in range(rounds):
            some = documents(count, seed=100 + number)
            with (
                _warm("naive", NAIVE, "/api/naive/none", naive_seconds) as naive,
                _warm("settle", _host.ROOT, "/api/healthz", settle_seconds) as settle,
            ):
                # One right after the other: machines have quicker and slower minutes.
                row = (loop.seconds(some), settle(some), naive(some))
            print("bare {:.2f} s, Settle {:.2f} s, naive {:.2f} s".format(*row), flush=True)
            figures.append(row)
    finally:
        loop.close()
    return figures


def growth(small: int, large: int, rounds: int) -> list[tuple[float, float, float, float]]:
    """(seconds per invoice at small, at large, peak MiB at small, at large); a fresh host for each size."""
    figures = []
    for number in range(rounds):
        seconds, peaks = [], []
        for count in (small, large):
            with (
                _storage.fresh("settle") as storage,
                _host.running(_host.ROOT, storage, workers=WORKERS, ready="/api/healthz") as host,
            ):
                settle_seconds(host, documents(WARM_UP, seed=2))
                seconds.append(settle_seconds(host, documents(count, seed=500 + number)) / count)
                time.sleep(0.5)
                peaks.append(host.peak)
                print(f"{count}: {seconds[-1] * 1000:.2f} ms each, {host.peak:.0f} MiB", flush=True)
        figures.append((seconds[0], seconds[1], peaks[0], peaks[1]))
    return figures


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _ratio(name: str, bound: str, values: list[float]) -> str:
    return f"| {name} | {bound} | {_median(values):.2f} | {min(values):.2f} to {max(values):.2f} |"


def report(rows: list[tuple[float, float, float]], grown: list[tuple[float, float, float, float]]) -> str:
    """The section of the README."""
    bare, settle, naive = (_median(list(column)) for column in zip(*rows, strict=True))
    small, large, before, after = (_median(list(column)) for column in zip(*grown, strict=True))
    return f"""
Generated invoices (UBL, credit notes, CII), one in a hundred sent twice; {WORKERS} worker processes, embedded
host. Each side has an Azurite of its own in each round, and has checked {WARM_UP:,} other documents before.
The naive app (`benchmarks/naive/`) does the same: check, claim, report; both must find the same duplicates.

| ratio | to reach | median | range |
| --- | --- | --- | --- |
{_ratio("1,000: Settle / bare loop", "at most 1.5, aim 1.25", [s / b for b, s, _ in rows])}
{_ratio("1,000: naive / Settle", "at least 5", [n / s for _, s, n in rows])}
{_ratio("per invoice: 10,000 / 1,000", "at most 1.1", [b / a for a, b, _, _ in grown])}
{_ratio("peak memory: 10,000 / 1,000", "below 1.2", [b / a for _, _, a, b in grown])}

Medians behind them: bare loop {bare:.2f} s, Settle {settle:.2f} s, naive {naive:.2f} s for 1,000;
{small * 1000:.2f} ms per invoice at 1,000 and {large * 1000:.2f} ms at 10,000;
peak memory of the host with its workers {before:.0f} MiB and {after:.0f} MiB.
"""


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, smaller batches, nothing is written")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.quick:
        rows = against_bare_and_naive(300, 1)
        print(report(rows, growth(300, 1000, 1)))
        return
    rows = against_bare_and_naive(1000, arguments.rounds)
    grown = growth(1000, 10_000, 3)
    _publish.publish("batch", "A batch, from POST to report", report(rows, grown))


if __name__ == "__main__":
    main()

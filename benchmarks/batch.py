"""A batch of 1,000 invoices from POST to report: against a bare loop, against a naive app, and at 10,000.

`python3 dev.py bench batch` (about five minutes; `--quick` for a first look, which writes nothing).
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import time
import uuid
import zipfile
from pathlib import Path

import requests

from benchmarks import _bare, _host, _publish
from samples.generator import generate

WORKERS = 2
# A poll is work for the host and the storage, too; callers are told to come back after two seconds.
POLL_SECONDS = 0.2
NAIVE = Path(__file__).resolve().parent / "naive"
Documents = list[tuple[str, bytes]]


def documents(count: int, seed: int) -> Documents:
    """Generated invoices, other ones for each seed."""
    return list(generate(count, seed))


def zipped(some: Documents) -> bytes:
    """The documents as a caller would send them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in some:
            archive.writestr(name, content)
    return buffer.getvalue()


def settle_seconds(host: _host.BenchHost, body: bytes, count: int) -> float:
    """From POST to the report, read."""
    began = time.perf_counter()
    headers = {"Content-Type": "application/zip", "Idempotency-Key": uuid.uuid4().hex}
    # Approval begins after the report and goes on for days: it is no part of what is measured here.
    url = f"{host.url}/api/batches?approval=false"
    answer = requests.post(url, data=body, headers=headers, timeout=120)
    answer.raise_for_status()
    url = answer.headers["Location"]
    while (answer := requests.get(url, timeout=60)).status_code == 202:
        time.sleep(POLL_SECONDS)
    status = answer.json()
    report = requests.get(status["links"]["report_html"], timeout=60)
    report.raise_for_status()
    took = time.perf_counter() - began
    if status["status"] != "completed" or status["done"] != count:
        raise RuntimeError(f"the batch did not complete: {status}")
    return took


def naive_seconds(host: _host.BenchHost, body: bytes, count: int) -> float:
    """From POST to the end of the orchestration."""
    url = f"{host.url}/api/naive/{uuid.uuid4().hex}"
    began = time.perf_counter()
    requests.post(url, data=body, timeout=120).raise_for_status()
    while (answer := requests.get(url, timeout=60)).status_code == 202:
        time.sleep(POLL_SECONDS)
    took = time.perf_counter() - began
    if answer.json() != count:
        raise RuntimeError(f"the naive batch did not complete: {answer.text[:500]}")
    return took


def against_bare_and_naive(storage: str, count: int, rounds: int) -> list[tuple[float, float, float]]:
    """(bare loop, Settle, naive) in seconds, in turn, each round with documents of its own."""
    warm_up = documents(200, seed=1)
    loop = _bare.BareLoop(WORKERS, warm_up)
    figures = []
    try:
        root = _host.ROOT
        with (
            _host.running(root, storage, workers=WORKERS, ready="/api/healthz") as settle,
            _host.running(NAIVE, storage, workers=WORKERS, ready="/api/naive/none") as naive,
        ):
            settle_seconds(settle, zipped(warm_up), len(warm_up))
            naive_seconds(naive, zipped(warm_up), len(warm_up))
            for number in range(rounds):
                some = documents(count, seed=100 + number)
                body = zipped(some)
                row = (
                    loop.seconds(some),
                    settle_seconds(settle, body, count),
                    naive_seconds(naive, body, count),
                )
                print("bare {:.2f} s, Settle {:.2f} s, naive {:.2f} s".format(*row), flush=True)
                figures.append(row)
    finally:
        loop.close()
    return figures


def growth(storage: str, small: int, large: int, rounds: int) -> list[tuple[float, float, float, float]]:
    """(seconds per invoice at small, at large, peak MiB at small, at large); a fresh host for each size."""
    figures = []
    for number in range(rounds):
        seconds, peaks = [], []
        for count in (small, large):
            with _host.running(_host.ROOT, storage, workers=WORKERS, ready="/api/healthz") as host:
                settle_seconds(host, zipped(documents(200, seed=2)), 200)
                body = zipped(documents(count, seed=500 + number))
                seconds.append(settle_seconds(host, body, count) / count)
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
Generated invoices (UBL, credit notes, CII), {WORKERS} worker processes, embedded host, Azurite.
All sides are warm: each has checked 200 other documents first.

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
    storage = os.environ["SETTLE_TEST_STORAGE"]
    if arguments.quick:
        rows = against_bare_and_naive(storage, 300, 1)
        print(report(rows, growth(storage, 300, 1000, 1)))
        return
    rows = against_bare_and_naive(storage, 1000, arguments.rounds)
    grown = growth(storage, 1000, 10_000, 3)
    _publish.publish("batch", "A batch, from POST to report", report(rows, grown))


if __name__ == "__main__":
    main()

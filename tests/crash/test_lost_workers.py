"""Worker processes are killed all the time, on a host that runs all code of the app in them.

It is the hard day of the real host: there, an orchestration whose worker dies is Failed for good. Everything
has to come to its end all the same, and each side effect once. Longer, by command:

    SETTLE_LOST_DOCUMENTS=500 SETTLE_LOST_SECONDS=60 python3 dev.py test tests/crash/test_lost_workers.py
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from samples.generator import generate
from tests.crash.hosts import KillableHost
from tests.e2e import calls

pytestmark = pytest.mark.slow

DOCUMENTS = int(os.environ.get("SETTLE_LOST_DOCUMENTS", "60"))
SECONDS = float(os.environ.get("SETTLE_LOST_SECONDS", "20"))
#: Between two kills.
EVERY = 2.0
#: For the end after the last kill: the pauses of the supervisor, and the windows that are opened.
PATIENCE = 420
SWITCHES = ("--orchestrators-in-workers", "--http-in-workers", "--early-timers")


def test_everything_ends_though_workers_are_killed_all_the_time(tmp_path: Path, storage: str) -> None:
    """A batch whose invoices all need people: it is reported, each waits, and nothing stays failed."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    host = KillableHost(tmp_path, storage, *SWITCHES)
    host.start()
    try:
        documents = list(generate(DOCUMENTS, seed=seed))
        status_url = host.send(documents, approval=True)
        _kill_for(host, SECONDS, random.Random(seed))
        batch = host.wait(status_url, seconds=PATIENCE)
        assert batch["status"] == "completed", batch
        assert batch["counts"] == {"valid": DOCUMENTS}

        waiting = _until_all_wait(host, DOCUMENTS)
        assert len({one["ref"] for one in waiting}) == DOCUMENTS, "an invoice has two approvals"
        for one in waiting[:: max(1, DOCUMENTS // 20)]:
            kinds = Counter(entry["kind"] for entry in _approval(host, one["approval"])["history"])
            assert kinds == {"opened": 1, "stage_opened": 1}
        _until_nothing_failed(host, tmp_path)
    finally:
        host.stop()


def _kill_for(host: KillableHost, seconds: float, chance: random.Random) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(EVERY)
        host.kill_a_worker(chance)


def _until_all_wait(host: KillableHost, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + PATIENCE
    waiting: dict[str, dict[str, Any]] = {}
    while time.monotonic() < deadline:
        waiting = {one["approval"]: one for one in _listed(host)}
        if len(waiting) >= count:
            return list(waiting.values())
        time.sleep(2)
    raise AssertionError(f"{len(waiting)} of {count} wait; cases: {_cases(host)}")


def _listed(host: KillableHost) -> list[dict[str, Any]]:
    """All open approvals; one may come twice, where others were opened between two pages."""
    found: list[dict[str, Any]] = []
    while True:
        url = f"{host.url}/api/approvals?top=100&skip={len(found)}"
        page = calls.get(url, timeout=60).json()["approvals"]
        found += page
        if len(page) < 100:
            return found


def _until_nothing_failed(host: KillableHost, folder: Path) -> None:
    """The supervisor may have one more start to do; then no run of ours that matters is Failed."""
    deadline = time.monotonic() + PATIENCE
    failed: list[str] = ["not looked"]
    while failed and time.monotonic() < deadline:
        time.sleep(2)
        failed = _failed_runs(host, folder)
    assert failed == [], f"cases: {_cases(host)}"


def _failed_runs(host: KillableHost, folder: Path) -> list[str]:
    """Ids of failed runs. A part whose id the host made does not count: a new one is called for it."""
    key = json.loads((folder / "keys.json").read_text("utf-8"))["system"]
    url = f"{host.url}/runtime/webhooks/durabletask/instances?runtimeStatus=Failed&top=1000"
    listed = requests.get(url, headers={"x-functions-key": key}, timeout=60).json()
    return [one["instanceId"] for one in listed if ":" not in one["instanceId"]]


def _approval(host: KillableHost, approval: str) -> dict[str, Any]:
    return calls.get(f"{host.url}/api/approvals/{approval}", timeout=60).json()


def _cases(host: KillableHost) -> Any:
    return calls.get(f"{host.url}/api/cases", timeout=60).json()

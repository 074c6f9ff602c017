"""What a test sees of a host whose workers are killed: asked until it answers."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from tests.crash.hosts import KillableHost
from tests.e2e import calls

#: For the end after the last kill: the pauses of the supervisor, and the windows that are opened.
PATIENCE = 420


@contextmanager
def killing(host: KillableHost, every: float, seed: int) -> Iterator[list[float]]:
    """Kill a random worker process every so many seconds inside of the block; gives their times."""
    chance = random.Random(seed)
    over = threading.Event()
    kills: list[float] = []

    def run() -> None:
        while not over.wait(every):
            host.kill_a_worker(chance)
            kills.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield kills
    finally:
        over.set()
        thread.join()


def asked(host: KillableHost, path: str) -> Any:
    """The JSON at a path of the API, asked until there is an answer: a worker takes its requests with it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(requests.RequestException):
            answer = calls.get(f"{host.url}/api/{path}", timeout=60)
            if answer.status_code < 500:
                return answer.json()
        time.sleep(0.3)
    raise AssertionError(f"{path} is not answered")


def until_all_wait(host: KillableHost, count: int) -> list[dict[str, Any]]:
    """Wait until so many approvals wait for people."""
    deadline = time.monotonic() + PATIENCE
    waiting: dict[str, dict[str, Any]] = {}
    while time.monotonic() < deadline:
        waiting = {item["approval"]: item for item in listed(host)}
        if len(waiting) >= count:
            return list(waiting.values())
        time.sleep(2)
    raise AssertionError(f"{len(waiting)} of {count} wait; cases: {asked(host, 'cases')}")


def until_none_waits(host: KillableHost) -> None:
    """Wait until no approval is open any more."""
    deadline = time.monotonic() + PATIENCE
    while waiting := listed(host):
        assert time.monotonic() < deadline, f"{len(waiting)} still wait; cases: {asked(host, 'cases')}"
        time.sleep(2)


def listed(host: KillableHost) -> list[dict[str, Any]]:
    """All open approvals; one may come twice, where others were opened between two pages."""
    found: list[dict[str, Any]] = []
    while True:
        page = asked(host, f"approvals?top=100&skip={len(found)}")["approvals"]
        found += page
        if len(page) < 100:
            return found


def until_nothing_failed(host: KillableHost, folder: Path) -> None:
    """The supervisor may have one more start to do; then no run of ours that matters is Failed."""
    deadline = time.monotonic() + PATIENCE
    failed: list[str] = ["not looked"]
    while failed and time.monotonic() < deadline:
        time.sleep(2)
        failed = _failed_runs(host, folder)
    assert failed == [], f"cases: {asked(host, 'cases')}"


def _failed_runs(host: KillableHost, folder: Path) -> list[str]:
    """Ids of failed runs. A part whose id the host made does not count: a new one is called for it."""
    key = json.loads((folder / "keys.json").read_text("utf-8"))["system"]
    url = f"{host.url}/runtime/webhooks/durabletask/instances?runtimeStatus=Failed&top=1000"
    found = requests.get(url, headers={"x-functions-key": key}, timeout=60).json()
    return [run["instanceId"] for run in found if ":" not in run["instanceId"]]

"""Documents that harm whatever checks them, on a whole host: each costs itself, and no worker ends.

The rules are made for it (`tests.fakes.odd_rules`): Saxon hangs, eats memory or talks as a document says.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.crash.hosts import KillableHost
from tests.e2e import calls
from tests.fakes.odd_rules import noted, odd_rules
from tests.official_rules import RULES, needs_rules

pytestmark = [pytest.mark.slow, needs_rules]

SECRET = "DE89370400440532013000"
#: Within which a document is set aside, on the way of a batch and alone.
WITHIN = 60.0


@pytest.fixture
def host(tmp_path: Path, storage: str) -> Iterator[KillableHost]:
    """A host with those rules and a small budget; nothing of it may be left when it was stopped."""
    settings = {
        "SETTLE_RULES": str(odd_rules(tmp_path / "rules", RULES)),
        "SETTLE_DOCUMENT_SECONDS": "10",
        "SETTLE_DOCUMENT_MIB": "512",
    }
    one = KillableHost(tmp_path, storage, **settings)
    one.start()
    try:
        yield one
        processes = one.processes()
    finally:
        one.stop()
    _, left = psutil.wait_procs(processes, timeout=10)
    assert not left, "processes outlived their host"


def _checkers(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if any("adapters.checking.child" in part for part in process.cmdline()):
                found.append(process)
    return found


def _workers(host: KillableHost) -> set[int]:
    return {process.pid for process in host.processes()} - {one.pid for one in _checkers(host.processes())}


def _documents(*notes: str) -> list[tuple[str, bytes]]:
    number = time.time_ns()
    return [(f"{n}.xml", noted(note, f"R-{number}-{n}")) for n, note in enumerate(notes, 1)]


def _rows(host: KillableHost, status: dict[str, Any]) -> list[dict[str, Any]]:
    return host.report(status)["documents"]


def test_batch_with_documents_that_do_harm(host: KillableHost) -> None:
    """Set aside within a minute, with reasons; neighbours valid, workers the same, and nothing in the log."""
    workers = _workers(host)
    began = time.monotonic()
    notes = ("a", "hang", "b", "eat", f"message {SECRET}", f"error {SECRET}", "c")
    status = host.wait(host.send(_documents(*notes)), seconds=WITHIN)
    assert time.monotonic() - began < WITHIN
    assert status["status"] == "completed"
    rows = _rows(host, status)
    expected = ["valid", "set_aside", "valid", "set_aside", "valid", "invalid", "valid"]
    assert [row["outcome"] for row in rows] == expected
    assert "SETTLE_DOCUMENT_SECONDS" in rows[1]["findings"][0]["text"]
    assert "SETTLE_DOCUMENT_" in rows[3]["findings"][0]["text"]
    assert _workers(host) == workers
    assert _checkers(host.processes()), "nothing was checked in a process of its own"
    assert SECRET not in host.log()


def test_invoice_that_comes_alone_and_does_harm(host: KillableHost) -> None:
    """It ends as set aside, with the reason; sent again, it is checked again."""
    [(_, content)] = _documents("hang")
    for _ in range(2):
        began = time.monotonic()
        headers = {"Content-Type": "application/xml"}
        answer = calls.post(f"{host.url}/api/invoices", data=content, headers=headers, timeout=60)
        assert answer.status_code == 202
        ended = _ended(answer.headers["Location"])
        assert time.monotonic() - began < WITHIN
        assert ended["status"] == "set_aside"
        assert "SETTLE_DOCUMENT_SECONDS" in ended["findings"][0]["text"]


def test_document_at_which_the_process_crashes(tmp_path: Path, storage: str) -> None:
    """By a real SIGSEGV, again and again: it is tried twice, then set aside, and its neighbours are valid."""
    settings = {"SETTLE_RULES": str(odd_rules(tmp_path / "rules", RULES)), "SETTLE_DOCUMENT_SECONDS": "30"}
    host = KillableHost(tmp_path, storage, **settings)
    host.start()
    over = threading.Event()
    killer = threading.Thread(target=_crash_who_hangs, args=(host, over), daemon=True)
    killer.start()
    try:
        status = host.wait(host.send(_documents("a", "hang", "b", "c")), seconds=WITHIN)
        rows = _rows(host, status)
        assert [row["outcome"] for row in rows] == ["valid", "set_aside", "valid", "valid"]
        assert "was ended by SIGSEGV, twice" in rows[1]["findings"][0]["text"]
    finally:
        over.set()
        killer.join()
        host.stop()


def _crash_who_hangs(host: KillableHost, over: threading.Event) -> None:
    """Send SIGSEGV to each checker process that has used the processor for four seconds since its start.

    Its start and the other documents take one.
    """
    while not over.wait(0.1):
        for process in _checkers(host.processes()):
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                times = process.cpu_times()
                if times.user + times.system > 4.0:
                    os.kill(process.pid, signal.SIGSEGV)


def _ended(url: str) -> dict[str, Any]:
    deadline = time.monotonic() + WITHIN
    while True:
        answer: requests.Response = calls.get(url, timeout=60)
        if answer.status_code == 200:
            return answer.json()
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)

"""What the sample batch and doing nothing cost, in log lines and storage requests, held against the budget.

The real host writes every line of the app into a log that is paid for, and the storage account counts
requests.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import _budget
from benchmarks._counting import Counted, counting
from tests.crash.hosts import KillableHost
from tests.e2e import calls

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "invoices"
WAITING = 30  # of the samples
#: A shorter time than the budget's 30 seconds; what goes on all the time is scaled, a timer's run is not.
WINDOW_SECONDS, SHARE = 6, 5


class Running:
    """A host with a storage whose requests are counted; `lines` of the app in its log so far."""

    def __init__(self, host: KillableHost, counted: Counted) -> None:
        self.host, self.counted = host, counted

    def lines(self) -> list[str]:
        """What the log has that is not the host's own."""
        return [line for line in map(_line_of_app, self.host.log().splitlines()) if line]


def _line_of_app(text: str) -> str:
    """The message of a line that the app or a package of its wrote; "" for one of the host.

    A line that is no JSON was printed: before the host was ready it printed what it serves.
    """
    try:
        line = json.loads(text)
    except ValueError:
        return text
    return "" if line["logger"].startswith("devhost") else f"{line['logger']}: {line['message']}"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A host that has just started."""
    storage = os.environ.get("SETTLE_TEST_STORAGE")
    if not storage:
        pytest.skip("no storage to count at: SETTLE_TEST_STORAGE is not set (dev.py test sets it)")
    with counting(storage) as (counted_storage, counted):
        host = KillableHost(tmp_path, counted_storage, "--log", "json", SETTLE_DIGEST_SECONDS="2")
        host.start()
        try:
            time.sleep(1)  # for what runs at the start
            yield Running(host, counted)
        finally:
            host.stop()


def _until(done: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.5)


def test_sample_batch_and_idling_keep_to_the_budget(running: Running) -> None:
    """From the upload to the last message to people, and then nothing for a while."""
    host, counted = running.host, running.counted
    lines_before = len(running.lines())
    counted.clear()

    documents = [(path.name, path.read_bytes()) for path in sorted(SAMPLES.iterdir())]
    url = host.send(documents, approval=True)
    _until(lambda: calls.get(url).status_code == 200)
    _until(lambda: _told(counted) >= WAITING * 2)
    assert "sent" in _states(running)

    lines = running.lines()[lines_before:]
    assert len(lines) <= _budget.LINES_OF_SAMPLES, lines
    spent = counted.by_kind("app")
    assert spent.total() <= _budget.BEFORE.samples, spent
    assert spent.total() > WAITING * 5, "so few cannot be all: requests pass by the counter"

    counted.clear()
    lines_before = len(running.lines())
    time.sleep(WINDOW_SECONDS)
    assert counted.by_kind("app").total() <= _budget.IDLE_APP, counted.by_kind("app")
    assert counted.by_kind("host").total() * SHARE <= _budget.IDLE_HOST + SHARE, counted.by_kind("host")
    assert running.lines()[lines_before:] == []


def _told(counted: Counted) -> int:
    """How often the end of a message was noted: each is written when it is made, and when it was sent."""
    written = [
        one.path for one in counted.requests("app") if one.method == "PUT" and "/notifications/" in one.path
    ]
    return sum(count == 2 for count in Counter(written).values())


def _states(running: Running) -> set[str]:
    (first, *_) = calls.get(f"{running.host.url}/api/approvals").json()["approvals"]
    found = calls.get(f"{running.host.url}/api/approvals/{first['approval']}").json()["notifications"]
    return {one["state"] for one in found}

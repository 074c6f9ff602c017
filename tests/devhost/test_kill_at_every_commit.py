"""Death at every commit of a workflow that uses every feature, in this process and by kill -9.

Whenever it comes, the next host brings the tour to the same end, and each side effect is had.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from devhost.testing import Host, HostCrash
from tests.devhost import tour
from tests.devhost.server_kit import Server, write_app

ROUNDS = 2


# ---------------------------------------------------------------- in this process


def _go_on(host: Host) -> None:
    """Bring the tour to its end from wherever it is."""
    if not host.instances("a"):
        host.start("tour", tour.order("a", ROUNDS), instance_id="a")
    for _ in range(200):
        status = host.status("a")
        if status.finished:
            return
        waiting = (status.custom_status or {}).get("waiting")
        if waiting is not None:
            host.raise_event("a", f"answer-{waiting}", "yes")
        host.advance(minutes=7)


def _crashed_at(commit: int, when: str, state: Path) -> tuple[Host, tour.Effects, bool]:
    effects, crashed = tour.Effects(first_look_fails=True), False
    host = Host(tour.app(), activities=effects.activities(), state=state)
    host.crash_at(commit, when)
    try:
        _go_on(host)
    except HostCrash:
        crashed = True
        host.restart()
        _go_on(host)
    return host, effects, crashed


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_commit_changes_nothing(tmp_path: Path, when: str) -> None:
    """Output, totals and effects are those of a run without it; only what was under way is done again."""
    commit, crashed = 0, True
    while crashed:
        commit += 1
        host, effects, crashed = _crashed_at(commit, when, tmp_path / f"{commit}.db")
        with host:
            host.check_invariants()
            output = host.status("a").output
            assert output == tour.expected_output("a", ROUNDS, output)
            assert [round_[4] for round_ in output] == ['"yes"'] * ROUNDS
            assert host.entity("ledger", "a") == tour.expected_total("a", ROUNDS)
        assert set(effects.counts) == tour.expected_effects("a", ROUNDS)
        again = sum(effects.counts.values()) - len(effects.counts) - ROUNDS  # each round's first look
        assert again <= tour.PARCELS, f"{again} effects were had again after a crash {when} commit {commit}"
    assert commit > 25


# ---------------------------------------------------------------- kill -9

PACE = {"retry": 0.05, "timer": 0.1, "patience": 60.0}
_APP = """
    from tests.devhost import tour

    app.register_functions(tour.blueprint)

    def _effect(name, value):
        # One line is one write, so that no kill leaves half of one.
        with open(os.environ["EFFECTS"], "a+") as file:
            file.write(json.dumps([name, value]) + "\\n")
            file.flush()
            file.seek(0)
            return tour.ACTS[name](value), sum(json.loads(line) == [name, value] for line in file)

    @app.activity_trigger(input_name="value")
    def reserve(value: str) -> str:
        return _effect("reserve", value)[0]

    @app.activity_trigger(input_name="value")
    def price(value: str) -> int:
        return _effect("price", value)[0]

    @app.activity_trigger(input_name="value")
    async def pack(value: str) -> str:
        return _effect("pack", value)[0]

    @app.activity_trigger(input_name="value")
    def look(value: str) -> str:
        result, times = _effect("look", value)
        if times == 1:
            raise OSError("the first look sees nothing")
        return result
"""


class _Killed(Server):
    program = (str(Path(__file__).with_name("killed_host.py")),)


class _Lives:
    """One state file and the hosts that live on it, one after the other; the first is killed at a commit."""

    def __init__(self, app: Path, work: Path, kill_at: str):
        self._app, self._work = app, work
        self.effects = work / "effects.txt"
        self._environment = {"EFFECTS": str(self.effects), "KILL_AT": kill_at}
        self.codes: list[int] = []

    def run(self) -> Any:
        """Bring the tour to its end, and return its status."""
        while True:
            with self._host() as host:
                try:
                    return self._drive(host)
                except requests.ConnectionError:
                    self.codes.append(host.process.wait(10))

    def _host(self) -> Server:
        kind = Server if self.codes else _Killed
        return kind(self._app, self._work, "--state", str(self._work / "s.db"), environment=self._environment)

    def _drive(self, host: Server) -> Any:
        base = "/runtime/webhooks/durabletask"
        if host.http("GET", f"{base}/instances/a").status_code == 404:
            host.http("POST", f"{base}/orchestrators/tour/a", json=tour.order("a", ROUNDS, PACE))
        answered: set[int] = set()
        status, deadline = {}, time.monotonic() + 30
        while time.monotonic() < deadline:
            status = host.http("GET", f"{base}/instances/a").json()
            if status["runtimeStatus"] not in ("Pending", "Running"):
                return status | {"total": host.http("GET", f"{base}/entities/ledger/a").json()}
            waiting = (status["customStatus"] or {}).get("waiting")
            if waiting is not None and waiting not in answered:
                host.http("POST", f"{base}/instances/a/raiseEvent/answer-{waiting}", json="yes")
                answered.add(waiting)
            time.sleep(0.02)
        raise AssertionError(f"the tour does not end: {status}\n{host.output.read_text()}")

    def counts(self) -> Counter[str]:
        """How often each effect was had."""
        return Counter(self.effects.read_text().splitlines())


def _check_kill(app: Path, work: Path, kill_at: str) -> bool:
    """Have a host killed, check what the next one makes of it, and tell whether it was killed at all."""
    lives = _Lives(app, work, kill_at)
    status = lives.run()
    output = status["output"]
    assert lives.codes in ([], [-9]), kill_at
    assert output == tour.expected_output("a", ROUNDS, output), kill_at
    assert [round_[4] for round_ in output] == ["yes"] * ROUNDS, kill_at
    assert status["total"] == tour.expected_total("a", ROUNDS), kill_at
    counts = lives.counts()
    assert len(counts) == len(tour.expected_effects("a", ROUNDS)), kill_at
    failed_first = ROUNDS  # each round's first look
    again = sum(counts.values()) - len(counts) - failed_first
    assert again <= tour.PARCELS * len(lives.codes), (kill_at, counts)
    return bool(lives.codes)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_is_killed_at_any_commit_is_continued_by_the_next(tmp_path: Path, when: str) -> None:
    """A real kill -9 of a real host with its threads, at each commit of the tour."""
    app = write_app(tmp_path / "app", _APP)
    killed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in itertools.count(1, 8):
            numbers = range(first, first + 8)
            results = list(pool.map(lambda n: _check_kill(app, tmp_path / str(n), f"{when}:{n}"), numbers))
            killed += sum(results)
            if not any(results):
                break
    assert killed > 25

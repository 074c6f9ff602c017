"""Sudden death: whatever was running goes on after a restart, whenever the host died."""

import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devhost.clock import VirtualClock
from devhost.engine.engine import HostCrash
from devhost.engine.models import InstanceStatus, RuntimeStatus
from devhost.errors import EngineStopped
from devhost.orchestration.history import EventType
from devhost.state.store import CommitHook, Store
from tests.devhost.engine_kit import START, App, Host, events_of
from tests.devhost.sample_app import add_functions

_ROOT = Path(__file__).parents[2]


def _dies(when: str, number: int) -> CommitHook:
    def hook(at: str, commit: int) -> None:
        if (at, commit) == (when, number):
            raise HostCrash(f"killed {when} commit {number}")

    return hook


def _finish(host: Host, name: str, value: Any) -> InstanceStatus:
    """Bring the instance "x" to its end, whatever state the host is in."""
    if host.engine.status("x") is None:
        host.start(name, value, instance_id="x")
    for _ in range(4):
        host.engine.advance(timedelta(hours=1))
    return host.status("x")


def _run_with_a_crash(
    path: Path, name: str, value: Any, when: str, number: int
) -> tuple[InstanceStatus, App, bool]:
    """Run an orchestration on a host that dies at a commit, then on another one on the same file."""
    app, clock = add_functions(App()), VirtualClock(START)
    host = Host(app, path, clock=clock, hook=_dies(when, number))
    try:
        return _finish(host, name, value), app, False
    except HostCrash:
        host.store.close()
    with Host(app, path, clock=VirtualClock(clock.now())) as host:
        return _finish(host, name, value), app, True


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 3),
        ("fan", 5),
        ("retrying", None),
        ("counting", 1),
        ("parent", None),
        ("parent_of_failing", None),
        ("use_entity", None),
        ("everything", None),
    ],
)
def test_a_host_killed_at_any_commit_goes_on_where_it_was(
    tmp_path: Path, name: str, value: Any, when: str
) -> None:
    """The output and the history are those of a run without a kill, for each commit of the run."""
    expected, _, _ = _run_with_a_crash(tmp_path / "none.db", name, value, when, 0)
    assert expected.status.finished
    kills = 0
    for number in itertools.count(1):
        status, _, crashed = _run_with_a_crash(tmp_path / f"{number}.db", name, value, when, number)
        assert status.output == expected.output, f"killed {when} commit {number}"
        assert events_of(status) == events_of(expected)
        if not crashed:
            break
        kills += 1
    assert kills > 2


def _dies_after_each_commit(when: str, number: int) -> None:
    if when == "after":
        raise HostCrash


@pytest.mark.parametrize(("name", "value"), [("steps", 3), ("counting", 1), ("everything", None)])
def test_a_host_that_dies_after_every_single_commit_still_gets_there(
    tmp_path: Path, name: str, value: Any
) -> None:
    """Each life brings it one commit further."""
    with Host(add_functions(App()), tmp_path / "none.db") as host:
        expected = _finish(host, name, value)
    now = START
    for _ in range(200):
        host = Host(
            add_functions(App()),
            tmp_path / "state.db",
            clock=VirtualClock(now),
            hook=_dies_after_each_commit,
        )
        try:
            status = _finish(host, name, value)
            break
        except HostCrash:
            now = host.clock.now()
        finally:
            host.store.close()
    else:
        pytest.fail("it never came to an end")
    assert status.output == expected.output
    assert events_of(status) == events_of(expected)


@pytest.mark.parametrize("seed", range(10))
def test_whatever_the_order_of_steps_the_outcome_is_the_same(tmp_path: Path, seed: int) -> None:
    """Ready instances are taken in a random order, and the host dies at random commits."""
    pick = random.Random(seed)

    def hook(when: str, _: int) -> None:
        if pick.random() < 0.05:
            raise HostCrash

    now, ids = START, [f"x{n}" for n in range(5)]
    for _ in range(200):
        clock = VirtualClock(now)
        host = Host(
            add_functions(App()), tmp_path / "state.db", clock=clock, hook=hook, choose=pick.randrange
        )
        try:
            for one in ids:
                if host.engine.status(one) is None:
                    host.start("everything", instance_id=one)
            for _ in range(4):
                host.engine.advance(timedelta(hours=1))
            break
        except HostCrash:
            now = clock.now()
        finally:
            host.store.close()
    with Host(add_functions(App()), tmp_path / "state.db") as host:
        assert [host.status(one).payload()["output"] for one in ids] == [["second run", [0, 1, 2], 2, 0]] * 5


def test_an_activity_runs_again_only_if_its_result_was_not_recorded(tmp_path: Path) -> None:
    """At least once: a kill costs at most the activities whose results were not yet in the history."""
    for number in itertools.count(1):
        status, app, crashed = _run_with_a_crash(tmp_path / f"{number}.db", "steps", 4, "before", number)
        assert status.payload()["output"] == [0, 1, 2, 3]
        assert len(app.ran) <= 5
        if not crashed:
            return


class _Witness(App):
    """Looks into the store whenever an activity is started."""

    def __init__(self) -> None:
        super().__init__()
        self.store: Store | None = None
        self.unrecorded: list[str] = []

    def submit_activity(self, function_name: str, input_json: str, done: Any) -> None:
        assert self.store is not None
        if not any(task.input == input_json for task in self.store.activities()):
            self.unrecorded.append(input_json)
        super().submit_activity(function_name, input_json, done)


def test_nothing_is_started_before_it_is_recorded(tmp_path: Path) -> None:
    """When an activity starts, the store already has it."""
    app = _Witness()
    add_functions(app)
    with Host(app, tmp_path / "state.db") as host:
        app.store = host.store
        assert host.output("fan", 20) == 190
        assert host.output("steps", 3) == [0, 1, 2]
    assert app.unrecorded == []


def test_timers_of_an_earlier_process_fire(tmp_path: Path) -> None:
    """At their time, or at once if that has passed meanwhile."""
    path = tmp_path / "state.db"
    with Host(add_functions(App()), path) as host:
        host.start("sleeping", 86400, instance_id="x")
        host.start("sleeping", 3 * 86400, instance_id="y")
        host.engine.run_until_idle()
    with Host(add_functions(App()), path, clock=VirtualClock(START + timedelta(days=2))) as host:
        host.engine.run_until_idle()
        assert host.status("x").payload()["output"] == 2 * 86400
        host.engine.advance(timedelta(days=1))
        assert host.status("y").payload()["output"] == 3 * 86400


def test_events_and_scheduled_messages_of_an_earlier_process_are_delivered(tmp_path: Path) -> None:
    """What was accepted is not lost."""
    path = tmp_path / "state.db"
    with Host(add_functions(App()), path) as host:
        host.start("collecting", instance_id="x")
        host.engine.raise_event("x", "Word", '"stop"')
        host.engine.signal_entity("counter", "k", "add", '"5"')
    with Host(add_functions(App()), path) as host:
        host.engine.run_until_idle()
        assert host.status("x").payload()["output"] == []
        assert host.engine.read_entity("counter", "k") == "5"


def test_a_crashed_engine_answers_nobody_any_more(tmp_path: Path) -> None:
    """Its thread is gone; callers are told instead of kept waiting."""
    host = Host(add_functions(App()), tmp_path / "state.db", hook=_dies("before", 2), threaded=True)
    instance = host.start("chain")
    with pytest.raises(EngineStopped):
        host.engine.completion(instance).result(10)
    for _ in range(500):
        if host.engine.crashed:
            break
        time.sleep(0.01)
    assert host.engine.crashed
    with pytest.raises(EngineStopped):
        host.start("chain")
    host.close()


def test_a_step_that_cannot_be_written_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """A full disk for a moment loses no message; the log says what is wrong, and how it goes on."""
    failures = iter([sqlite3.OperationalError("database or disk is full")])

    def hook(when: str, number: int) -> None:
        if when == "before" and number == 2 and (error := next(failures, None)):
            raise error

    with Host(add_functions(App()), hook=hook) as host:
        host.run("chain", instance_id="x")
        assert host.status("x").status is RuntimeStatus.PENDING
        host.engine.advance(timedelta(seconds=5))
        assert host.status("x").payload()["output"] == [1, {"a": 1, "s": "text"}]
    assert "cannot be written (database or disk is full): 'x' is tried again" in caplog.text


def test_a_request_that_cannot_be_written_fails_for_its_caller() -> None:
    """And leaves nothing behind."""

    def hook(when: str, number: int) -> None:
        if (when, number) == ("before", 1):
            raise OSError("disk full")

    with Host(add_functions(App()), hook=hook) as host:
        with pytest.raises(OSError, match="disk full"):
            host.start("chain", instance_id="x")
        assert host.engine.status("x") is None
        assert host.output("chain") == [1, {"a": 1, "s": "text"}]


def test_a_request_that_is_written_by_half_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row of the instance without its first message would be pending for ever."""

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with Host(add_functions(App())) as host:
        with monkeypatch.context() as patch:
            patch.setattr("devhost.state.store.Transaction.add_message", full)
            with pytest.raises(sqlite3.OperationalError, match="full"):
                host.start("chain", instance_id="x")
        assert host.engine.status("x") is None
        assert host.output("chain") == [1, {"a": 1, "s": "text"}]


_VICTIM = """
import sys, time
from pathlib import Path
from devhost.clock import SystemClock
from tests.devhost.engine_kit import Host, ThreadedApp
from tests.devhost.sample_app import add_functions
app = add_functions(ThreadedApp(2))
app.activities["echo"] = lambda value: (time.sleep(0.01), value)[1]
host = Host(app, Path(sys.argv[1]), clock=SystemClock(), threaded=True)
host.start("fan", 60, instance_id="x")
print("started", flush=True)
time.sleep(60)
"""


def test_a_process_killed_in_the_middle_of_a_fan_out_is_continued_by_the_next(tmp_path: Path) -> None:
    """kill -9, no chance to clean up; the next process finds the file free and the work where it was."""
    path = tmp_path / "state.db"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _VICTIM, str(path)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(0.15)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    with Host(add_functions(App()), path) as host:
        before = json.loads(host.store.history("x"))
        host.engine.run_until_idle()
        assert host.status("x").payload()["output"] == sum(range(60))
        done = sum(event["EventType"] == EventType.TaskCompleted for event in before)
        assert len(host.app.ran) == 60 - done

"""Worker processes that really are killed, stopped and hung while orchestrators and entities run in them."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.devhost.server_kit import IN_WORKERS, Server, write_app

pytestmark = pytest.mark.slow

APP = """
import datetime, pathlib

@app.activity_trigger(input_name="name")
def effect(name):
    with open("../effects.txt", "a") as file:
        file.write(name + "\\n")
    return name

@app.orchestration_trigger(context_name="context")
def order(context):
    time.sleep(0.005)  # so that a good part of the time some step is under way
    context.signal_entity(df.EntityId("tally", "t"), "add", 1)
    done = []
    for number in range(4):
        while True:
            try:
                done.append((yield context.call_activity("effect", f"{context.instance_id}/{number}")))
                break
            except Exception as error:
                if "python3 exited with code 137 (0x89)" not in str(error):
                    raise
    child = yield context.call_sub_orchestrator("leaf", 7, f"{context.instance_id}-leaf")
    yield context.create_timer(context.current_utc_datetime + datetime.timedelta(seconds=1))
    return [len(done), child]

@app.orchestration_trigger(context_name="context")
def leaf(context):
    time.sleep(0.005)
    yield context.call_activity("effect", context.instance_id)
    return context.get_input()

@app.entity_trigger(context_name="context")
def tally(context):
    time.sleep(0.005)
    context.set_state(context.get_state(lambda: 0) + context.get_input())

@app.orchestration_trigger(context_name="context")
def worker(context):
    return os.getpid()
    yield

@app.orchestration_trigger(context_name="context")
def hangs_once(context):
    marker = pathlib.Path("../hung")
    if not marker.exists():
        marker.touch()
        time.sleep(600)
    return "done"
    yield
"""
EXITED = "failed: One or more errors occurred. (python3 exited with code 137 (0x89))"
DIFFERS = "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled "
ENDS = ("Completed", "Failed")
BASE = "/runtime/webhooks/durabletask"


def workers_of(server: Server) -> list[int]:
    """The processes of a host's workers, as Linux lists its children."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if (
                parent == server.process.pid
                and b"devhost.workers.process" in (folder / "cmdline").read_bytes()
            ):
                found.append(int(folder.name))
    return found


def both_workers(server: Server) -> list[int] | None:
    """The two processes that orchestrators run in; None while only one is ready."""
    ids = [f"worker-{uuid.uuid4()}" for _ in range(10)]
    start(server, "worker", ids)
    states = until(lambda: finished(server, ids))
    found = sorted({one["output"] for one in states.values()})
    return found if len(found) == 2 else None


def instances(server: Server, prefix: str = "") -> dict[str, dict[str, Any]]:
    """The states of all instances by id."""
    found: dict[str, dict[str, Any]] = {}
    token: str | None = ""
    while token is not None:
        headers = {"x-ms-continuation-token": token} if token else {}
        answer = server.http("GET", f"{BASE}/instances?top=500&instanceIdPrefix={prefix}", headers=headers)
        found |= {one["instanceId"]: one for one in answer.json()}
        token = answer.headers.get("x-ms-continuation-token")
    return found


def start(server: Server, name: str, ids: list[str]) -> None:
    """Start instances, several at the same time."""

    def one(instance_id: str) -> None:
        answer = server.http("POST", f"{BASE}/orchestrators/{name}/{instance_id}")
        assert answer.status_code == 202, answer.text

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, ids))


def until(condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait until a condition holds and return what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it has taken too long"
        time.sleep(0.05)
    return found


def kind_of(status: dict[str, Any]) -> str:
    """Say how an instance has ended, or its child; a text that is not the real host's is told whole."""
    if status["runtimeStatus"] != "Failed":
        return status["runtimeStatus"]
    text = status["output"]
    if DIFFERS in text:
        return "differs"
    return "exited" if EXITED in text else text


def finished(server: Server, ids: list[str]) -> dict[str, dict[str, Any]] | None:
    """The states of instances, None while one is not finished."""
    found = instances(server)
    states = {instance_id: found[instance_id] for instance_id in ids}
    over = all(one["runtimeStatus"] in ENDS for one in states.values())
    return states if over else None


def signals_sent(server: Server, instance_id: str) -> int:
    """How many signals an instance has sent to the entity, by its history."""
    answer = server.http("GET", f"{BASE}/instances/{instance_id}?showHistory=true")
    return sum(one["EventType"] == "EventSent" for one in answer.json()["historyEvents"])


def test_killed_workers_fail_the_orchestrations_that_they_had_and_lose_nothing_else(tmp_path: Path) -> None:
    """Hundreds of instances: each failure has one of the two texts, each signal counts once.

    A new instance of the same id then does what the lost one had not, so that every effect is had.
    """
    app = write_app(tmp_path / "app", APP)
    dice = random.Random(7)
    ids: list[str] = []
    with Server(app, tmp_path / "work", "--state", str(tmp_path / "state.db"), *IN_WORKERS) as server:
        until(lambda: both_workers(server))
        kinds: Counter[str] = Counter()
        kills = 0
        for round_ in range(30):
            more = [f"order-{round_}-{number}" for number in range(20)]
            start(server, "order", more)
            ids += more
            for pid in dice.sample(pids := workers_of(server), min(1, len(pids))):
                os.kill(pid, signal.SIGKILL)
                kills += 1
            time.sleep(0.7)
            kinds = Counter(map(kind_of, instances(server, "order").values()))
            if round_ >= 9 and kinds["exited"] and kinds["differs"]:
                break
        states = until(lambda: finished(server, ids))
        kinds = Counter(map(kind_of, states.values()))
        print(f"{kills} kills, {dict(kinds)}")
        assert set(kinds) == {"Completed", "exited", "differs"}, kinds
        assert kinds["Completed"] >= 20
        for instance_id, state in states.items():
            if state["runtimeStatus"] == "Completed":
                assert state["output"] == [4, 7], instance_id

        sent = sum(signals_sent(server, one) for one in ids)
        tally = f"{BASE}/entities/tally/t"
        until(lambda: server.http("GET", tally).json() == sent)

        until(lambda: all(one["runtimeStatus"] in ENDS for one in instances(server, "order").values()))
        lost = [one for one in ids if states[one]["runtimeStatus"] == "Failed"]
        start(server, "order", lost)
        until(lambda: {kind_of(one) for one in instances(server, "order").values()} == {"Completed"})
        until(lambda: server.http("GET", tally).json() == sent + len(lost))
        effects = set((tmp_path / "effects.txt").read_text().split())
        assert effects >= {f"{one}/{number}" for one in ids for number in range(4)}
        assert server.stop() == 0


def test_a_stopped_worker_holds_up_only_what_it_has(tmp_path: Path) -> None:
    """The engine and the other worker go on; what the first one has is done when it goes on."""
    app = write_app(tmp_path / "app", APP)
    with Server(app, tmp_path / "work", "--in-memory", *IN_WORKERS) as server:
        pids = until(lambda: both_workers(server))
        os.kill(pids[0], signal.SIGSTOP)
        try:
            ids = [f"id-{number}" for number in range(100)]
            start(server, "worker", ids)
            done = until(
                lambda: (
                    (found := Counter(map(kind_of, instances(server, "id-").values())))["Completed"] >= 60
                    and found
                )
            )
            assert set(done) <= {"Completed", "Pending"}
            began = time.monotonic()
            assert server.http("GET", f"{BASE}/instances/id-0").status_code in (200, 202)
            assert time.monotonic() - began < 10
        finally:
            os.kill(pids[0], signal.SIGCONT)
        until(lambda: finished(server, ids))
        assert {kind_of(one) for one in instances(server, "id-").values()} == {"Completed"}


def test_a_step_that_hangs_is_ended_by_the_time_limit_and_tried_again(tmp_path: Path) -> None:
    """Its worker process is killed, and the next try comes through. Others are not held up."""
    app = write_app(tmp_path / "app", APP)
    (app / "host.json").write_text(json.dumps({"version": "2.0", "functionTimeout": "00:00:05"}))
    with Server(app, tmp_path / "work", "--in-memory", *IN_WORKERS) as server:
        pids = set(until(lambda: both_workers(server)))
        start(server, "hangs_once", ["hung"])
        until(lambda: (tmp_path / "hung").exists())
        start(server, "worker", ["other"])
        assert server.finished("other", 60)["output"] in pids
        assert server.finished("hung", 60)["output"] == "done"
        log = server.output.read_text()
        assert "a step of 'hung' came to nothing (Timeout value of 00:00:05 was exceeded by function" in log
        until(lambda: len(set(workers_of(server)) - pids) == 1)


def test_the_host_restarts_amid_steps_and_loses_nothing(tmp_path: Path) -> None:
    """Kill -9 of the host, whose workers end with it: the next host repeats the steps that were under way."""
    app = write_app(tmp_path / "app", APP)
    state = str(tmp_path / "state.db")
    ids = [f"order-{number}" for number in range(40)]
    with Server(app, tmp_path / "one", "--state", state, *IN_WORKERS) as server:
        start(server, "order", ids)
        until(lambda: (tmp_path / "effects.txt").exists())
        server.stop(signal.SIGKILL)
    with Server(app, tmp_path / "two", "--state", state, *IN_WORKERS) as server:
        states = until(lambda: finished(server, ids))
        assert {kind_of(one) for one in states.values()} == {"Completed"}
        until(lambda: server.http("GET", f"{BASE}/entities/tally/t").json() == len(ids))
        assert server.stop() == 0

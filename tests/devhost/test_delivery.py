"""Delivery at least once: what comes again is taken once, and what waits for a newer host is kept for it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from devhost.engine.live import Live
from devhost.engine.mailboxes import Message
from devhost.engine.models import RuntimeStatus
from devhost.orchestration.episode import accepted
from devhost.orchestration.history import Event, EventType, event, execution_started
from devhost.state.records import InstanceRecord
from devhost.testing import Host as WholeHost
from devhost.testing.simulation import Chaos
from tests.devhost import tour
from tests.devhost.engine_kit import App, Host
from tests.devhost.sample_app import add_functions
from tests.devhost.shim_kit import completed, raised, scheduled

_RECORD = InstanceRecord("i", "e", "O", None, RuntimeStatus.RUNNING, None, None, None, 0, 0)


def _start() -> Event:
    return execution_started(0, name="O", instance_id="i", execution_id="e", input_=None, version=None)


def _timer() -> Event:
    return event(EventType.TimerCreated, 0, 7, FireAt="2024-01-01T00:00:00Z")


def _fired() -> Event:
    return event(EventType.TimerFired, 0, TimerId=7, FireAt="2024-01-01T00:00:00Z")


def _accepted(history: list[Event], *events: Event, execution: str | None = "e") -> list[Any]:
    found = accepted(Live(_RECORD, history), [Message(one, execution) for one in events])
    return [EventType(one["EventType"]).name for one in found]


def test_a_start_that_comes_twice_is_taken_once() -> None:
    """In one batch, or when the instance runs already; it goes before what came earlier."""
    assert _accepted([], raised("E"), _start(), _start()) == ["ExecutionStarted", "EventRaised"]
    assert _accepted([_start()], _start()) == []


def test_an_end_that_comes_twice_is_taken_once() -> None:
    """Of a task and of a timer, in one batch or later; of what nobody waits for it is dropped."""
    history = [_start(), scheduled(0), _timer()]
    assert _accepted(history, completed(0), _fired(), completed(0), _fired()) == [
        "TaskCompleted",
        "TimerFired",
    ]
    assert _accepted([*history, completed(0), _fired()], completed(0), _fired()) == []


def test_an_event_that_comes_twice_is_two_events() -> None:
    """As on the real host: nothing tells them apart."""
    assert _accepted([_start()], raised("E"), raised("E")) == ["EventRaised", "EventRaised"]


def test_what_is_meant_for_an_older_generation_is_dropped() -> None:
    """Its tasks have the same numbers."""
    assert _accepted([_start(), scheduled(0)], completed(0), execution="older") == []


def test_a_caller_that_repeats_itself_starts_one_instance() -> None:
    """The second start is refused while the first one's instance is there."""
    for seed in range(10):
        chaos = Chaos(seed, duplicate=0.9)
        with WholeHost(tour.app(), activities=tour.Effects().activities(), chaos=chaos) as host:
            host.start("inspect", ["x", tour.PACE], instance_id="i")
            assert [one.instance_id for one in host.instances("i")] == ["i"]
            assert host.calls == [("look", "x")]


def test_an_instance_of_a_newer_version_is_kept_for_a_newer_host(tmp_path: Path) -> None:
    """With versionFailureStrategy Reject it waits in the state file, with the events that came meanwhile."""
    path = tmp_path / "state.db"
    with Host(add_functions(App()), path, default_version="2.0") as host:
        host.engine.start_instance("approval", instance_id="x", version="3.0")
        host.engine.raise_event("x", "Approval", '"yes"')
        host.engine.advance(timedelta(days=9))
        assert host.status("x").status is RuntimeStatus.PENDING
    with Host(add_functions(App()), path, default_version="3.0") as host:
        host.engine.run_until_idle()
        assert host.status("x").payload()["output"] == {"approved": "yes"}


def test_a_child_gets_the_version_that_its_parent_gives_it() -> None:
    """Else that of the host."""
    app = add_functions(App())

    @app.orchestrates
    def family(context):
        given = yield context.call_sub_orchestrator("versioned", version="1.7")
        return [given, (yield context.call_sub_orchestrator("versioned"))]

    with Host(app, default_version="2.0") as host:
        assert host.output("family") == ["1.7", "2.0"]

"""The replay check on instances of every kind: whatever a host has run, the same code agrees with."""

from __future__ import annotations

import contextlib
import inspect
from datetime import timedelta

import pytest

from devhost.orchestration.history import EventType
from devhost.replay import check
from devhost.replay.player import Player
from devhost.testing import Chaos
from tests.devhost import sample_app
from tests.devhost.replay_kit import app, record
from tests.devhost.test_replay import flow


def test_terminated_suspended_and_event_driven_instances_agree():
    """What comes from outside is part of the history and no departure."""

    def waits(context):
        first = yield context.wait_for_external_event("first")
        yield context.call_activity("store", first)
        second = yield context.wait_for_external_event("second")
        return [first, second]

    def act(host):
        host.suspend("one", "a while")
        host.raise_event("one", "first", 1)
        host.resume("one", "go on")
        host.raise_event("one", "second", 2)

    def end(host):
        host.raise_event("one", "first", 1)
        host.terminate("one", "enough")

    for done in (record(waits, act=act), record(waits, act=end)):
        assert check(done.full, app(waits))
        assert check(done.shown, app(waits))
    assert check(done.full, app(waits)).finished


def test_terminated_before_it_ran_says_so():
    """There is no episode of the code to compare."""

    history = [
        {
            "EventType": int(EventType.OrchestratorStarted),
            "EventId": -1,
            "IsPlayed": False,
            "Timestamp": "2024-01-01T00:00:00Z",
        },
        {
            "EventType": int(EventType.ExecutionStarted),
            "EventId": -1,
            "IsPlayed": False,
            "Timestamp": "2024-01-01T00:00:00Z",
            "Name": "flow",
            "OrchestrationInstance": {"InstanceId": "one", "ExecutionId": "e"},
            "Input": None,
            "Version": "",
            "ParentInstance": None,
        },
        {
            "EventType": int(EventType.ExecutionTerminated),
            "EventId": -1,
            "IsPlayed": False,
            "Timestamp": "2024-01-01T00:00:00Z",
            "Input": "x",
        },
        {
            "EventType": int(EventType.OrchestratorCompleted),
            "EventId": -1,
            "IsPlayed": False,
            "Timestamp": "2024-01-01T00:00:00Z",
        },
    ]
    result = check(history, app(flow))
    assert result.agrees
    assert "nothing to compare" in result.warnings[0]


SAMPLES = [
    one
    for name, one in inspect.getmembers(sample_app, inspect.isgeneratorfunction)
    if name != "calls_unknown"
]


@pytest.mark.parametrize("orchestrator", SAMPLES, ids=[one.__name__ for one in SAMPLES])
def test_orchestrations_of_every_kind_agree_with_themselves(orchestrator):
    """Retries, entities, sub-orchestrations, continue-as-new, failures: finished or waiting, in both
    forms.
    """
    others = [one for one in SAMPLES if one is not orchestrator]
    blueprint = app(orchestrator)
    for other in others:
        blueprint.orchestration_trigger(context_name="context")(other)
    blueprint.activity_trigger(input_name="value")(sample_app.echo)
    blueprint.activity_trigger(input_name="value")(sample_app.fail)
    blueprint.entity_trigger(context_name="context")(sample_app.counter)
    inputs = {"steps": 4, "fan": 4, "sleeping": 3, "counting": 1, "parent_of": "child"}

    def act(host):
        with contextlib.suppress(AssertionError):  # some wait for events that nobody raises
            host.finish("one", within=timedelta(days=60))

    run = record(blueprint, inputs.get(orchestrator.__name__), act=act, activities={}, orchestrators={})
    for history in (run.full, run.shown):
        result = check(history, blueprint)
        assert result, str(result)


def test_timers_that_fired_early_agree_in_both_forms():
    """A history tells when a timer was made and when it was due, not when it fired: the next step tells."""

    second = timedelta(seconds=1)

    def patient(context):
        slept = []
        for pause in (5, 0.4, 90):
            began = context.current_utc_datetime
            until = began + pause * second
            while context.current_utc_datetime < until:
                rest = until - context.current_utc_datetime
                yield context.create_timer(until if rest >= second else until + second)
            yield context.call_activity("store", pause)
            slept.append((context.current_utc_datetime - began).total_seconds())
        return slept

    timers = set()
    for seed in range(20):
        run = record(patient, chaos=Chaos(seed, slow=0.5, slowest=timedelta(seconds=20)))
        timers.add(sum(event["EventType"] == EventType.TimerFired for event in run.events))
        for history in (run.full, run.shown):
            result = check(history, app(patient))
            assert result, f"seed {seed}: {result}"
    assert max(timers) > 3, "no timer was early"


def test_call_of_an_unknown_activity_agrees_with_the_refusal():
    """The host ended the instance, not the code; the code asks for the same today."""
    refused = record(sample_app.calls_unknown)
    assert refused.full["runtimeStatus"] == "Failed"
    assert check(refused.full, app(sample_app.calls_unknown))


def test_long_history_is_replayed_a_few_times_only(monkeypatch):
    """A departure late in 60 steps is found by halving, not by a replay for each episode."""

    def steps(context):
        for n in range(60):
            yield context.call_activity("fetch", n)

    def steps_changed(context):
        for n in range(60):
            yield context.call_activity("fetch" if n != 50 else "store", n)

    long = record(steps)
    plays = []
    play = Player.play
    monkeypatch.setattr(Player, "play", lambda *given: plays.append(1) or play(*given))
    departure = check(long.full, app(steps_changed)).departure
    assert departure is not None
    assert long.events[departure.index]["EventId"] == 50
    assert len(plays) <= 8

"""Waits hold although timers are early: by up to a second, as on the real host."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

import orchestrators
from devhost import timestamps
from devhost.testing import Chaos, Host
from devhost.testing.simulation import explore
from orchestrators.waiting import EARLIEST, LONGEST_TIMER, done_before, sleep, sleep_until

bp = df.Blueprint()

#: Around all borders: under a second, whole seconds, one timer and several.
PAUSES = (0.0, 0.001, 0.5, 0.999, 1.0, 1.001, 2.0, 90.25, 86_400.0, 5 * 86_400.0, 12.5 * 86_400.0)


def _asked(context: df.DurableOrchestrationContext) -> timedelta:
    """The input: so many seconds."""
    seconds: Any = context.get_input()
    return timedelta(seconds=seconds)


@bp.orchestration_trigger(context_name="context")
def sleeper(context: df.DurableOrchestrationContext):
    """Sleep so many seconds; returns how long it was."""
    began, pause = context.current_utc_datetime, _asked(context)
    yield from sleep(context, pause)
    slept = context.current_utc_datetime - began
    yield from sleep_until(context, began + pause)  # it has come: no step more
    return slept / timedelta(seconds=1)


@bp.orchestration_trigger(context_name="context")
def racer(context: df.DurableOrchestrationContext):
    """Wait for an event so many seconds, and then for as long as it takes; returns both answers."""
    began, pause = context.current_utc_datetime, _asked(context)
    wait = context.wait_for_external_event("go")
    came = yield from done_before(context, wait, began + pause)
    waited = context.current_utc_datetime - began
    if not came:
        yield wait
    return {"came": came, "waited": waited / timedelta(seconds=1)}


@bp.orchestration_trigger(context_name="context")
def trusting(context: df.DurableOrchestrationContext):
    """Take a timer's word for it; returns how long it was."""
    began = context.current_utc_datetime
    yield context.create_timer(began + _asked(context))
    return (context.current_utc_datetime - began) / timedelta(seconds=1)


def _timers(history: list[dict[str, Any]]) -> int:
    return sum(event["EventType"] == "TimerCreated" for event in history)


@pytest.mark.parametrize("pause", PAUSES)
def test_a_pause_is_never_shorter_than_asked_for_and_hardly_longer(pause: float) -> None:
    """Whatever the earliness: at most a second more, and one timer more than without any."""

    def check(chaos: Chaos) -> None:
        with Host(bp, chaos=chaos) as host:
            ended = host.finish(host.start("sleeper", pause))
            assert pause <= ended.output < pause + EARLIEST.total_seconds()
            least = -(-pause // LONGEST_TIMER.total_seconds())
            # Each of the longest timers may leave a second to the next one.
            assert least <= _timers(ended.history or []) <= least + 2 * (pause > 0)
            host.check_invariants()

    explore(check, Chaos(), range(40))


def test_a_timer_alone_is_early_in_a_chaos_and_exact_without() -> None:
    """What these waits are for can be seen."""
    lasted = []
    for seed in range(40):
        with Host(bp, chaos=Chaos(seed)) as host:
            lasted.append(host.finish(host.start("trusting", 5)).output)
    assert max(lasted) <= 5
    assert min(lasted) < 4.5
    assert all(one > 4 for one in lasted)
    with Host(bp) as host:
        assert host.finish(host.start("trusting", 5)).output == 5


@pytest.mark.parametrize("pause", PAUSES[1:])
def test_an_event_that_comes_in_time_wins(pause: float) -> None:
    """It wakes at once, and the timer that was not needed does not hold the end back."""

    def check(chaos: Chaos) -> None:
        with Host(bp, chaos=chaos) as host:
            name = host.start("racer", pause)
            host.run_until_idle()
            if _timers(host.status(name, history=True).history or []) > 1:
                return  # a timer of less than a second has fired at once: the event comes too late to tell
            host.raise_event(name, "go")
            host.run_until_idle()
            assert host.status(name).output == {"came": True, "waited": 0}

    explore(check, Chaos(), range(20))


@pytest.mark.parametrize("pause", PAUSES)
def test_a_moment_that_has_come_wins_and_the_event_is_not_lost(pause: float) -> None:
    """Told only when the clock says so; who waits on gets the event that comes then."""

    def check(chaos: Chaos) -> None:
        with Host(bp, chaos=chaos) as host:
            name = host.start("racer", pause)
            host.advance(seconds=pause + 1)
            host.raise_event(name, "go")
            ended = host.finish(name)
            assert ended.output["came"] is False
            assert pause <= ended.output["waited"] < pause + EARLIEST.total_seconds()

    explore(check, Chaos(), range(20))


def test_a_history_tells_when_a_timer_was_made_and_the_step_when_it_fired() -> None:
    """As on the real host: the time of the firing is that of the making."""
    with Host(bp, chaos=Chaos(1)) as host:
        name = host.start("trusting", 5)
        ended = host.finish(name)
        host.check_invariants()
    made, fired = (
        next(one for one in ended.history or [] if one["EventType"] == kind)
        for kind in ("TimerCreated", "TimerFired")
    )
    assert fired["Timestamp"] == made["Timestamp"]
    assert timestamps.parse(fired["FireAt"]) == timestamps.parse(made["FireAt"])
    assert ended.output < 5


def test_every_wait_of_the_app_goes_through_these() -> None:
    """A timer of one's own would be trusted."""
    folder = Path(str(orchestrators.__file__)).parent
    own = [
        path.name for path in folder.glob("*.py") if re.search(r"\bcreate_timer\(", path.read_text("utf-8"))
    ]
    assert own == ["waiting.py"]

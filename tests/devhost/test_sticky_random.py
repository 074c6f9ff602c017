"""Orchestrations made up from a seed, run both ways: by replays and by a kept generator.

Activities end in any order and in any batches, events come early or late, instances are suspended and
resumed, and now and then the generator is dropped. At every episode both ways must decide the same, answer
the same to the byte, and see the same on the way.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import pytest
from azure.durable_functions.models.Task import TimerTask

from devhost import jsontext
from devhost.app.settings import DurableSettings
from devhost.engine.live import Live
from devhost.engine.mailboxes import Message
from devhost.engine.models import RuntimeStatus
from devhost.orchestration import sdk_speed
from devhost.orchestration.episode import accepted, run_episode
from devhost.orchestration.history import Event, EventType, event, execution_started
from devhost.orchestration.plain_replay import PlainReplay
from devhost.orchestration.sdk_probe import Both, World, answers
from devhost.state.records import InstanceRecord
from devhost.timestamps import SECOND

SEEDS = 100
MOST_EPISODES = 40
NAMES = ("Go", "go", "Stop")


class Script:
    """An orchestration that does what a seed says; ``seen`` is what it saw on the way."""

    def __init__(self, seed: int):
        self._seed = seed
        self.seen: list[Any] = []

    def run(self, context: Any) -> Generator[Any, Any, Any]:
        choose = random.Random(self._seed)
        got: list[Any] = []
        tasks: list[Any] = []
        for _ in range(choose.randrange(1, 9)):
            try:
                yield from self._step(context, choose, tasks, got)
            except Exception as error:  # noqa: BLE001  the SDK raises nothing more precise
                got.append(str(error))
            got.append([str(context.current_utc_datetime), context.new_uuid(), str(context.new_guid())])
            self.seen.append((context.is_replaying, len(context.histories), len(got)))
            if choose.random() < 0.5:
                context.set_custom_status(choose.choice([None, 0, {"n": len(got)}, "text", got]))
        return self._end(context, choose, got)

    def _end(self, context: Any, choose: random.Random, got: list[Any]) -> Any:
        end = choose.random()
        if end < 0.15:
            raise ValueError("the end")
        if end < 0.3:
            context.continue_as_new({"again": len(got)})
        return {1, 2} if end > 0.95 else got

    def _step(self, context: Any, choose: random.Random, tasks: list[Any], got: list[Any]) -> Any:
        kind = choose.randrange(7)
        if kind == 0 and tasks:
            got.append(_shown((yield choose.choice(tasks))))
            return
        if kind == 1:
            context.signal_entity(df.EntityId("e", "k"), "add", choose.random())
            return
        made = [self._task(context, choose) for _ in range(choose.randrange(1, 5))]
        tasks += made
        if kind in (2, 3):
            again = choose.sample(tasks, min(len(tasks), 2)) if choose.random() < 0.3 else []
            winner = yield context.task_any([*made, *(one for one in again if one not in made)])
            got.append(_shown(winner))
            for one in made:
                if isinstance(one, TimerTask) and not one.is_completed and choose.random() < 0.6:
                    one.cancel()
        elif kind == 4:
            got.append(_shown((yield context.task_all(made))))
        else:
            for one in made:
                got.append(_shown((yield one)))

    def _task(self, context: Any, choose: random.Random) -> Any:
        name = choose.choice(["good", "good", "bad"])
        kind = choose.randrange(9)
        if kind == 0:
            hours = choose.choice([0.1, 1, 24 * 20])
            return context.create_timer(context.current_utc_datetime + dt.timedelta(hours=hours))
        if kind == 1:
            return context.wait_for_external_event(choose.choice(NAMES))
        if kind == 2:
            return context.call_activity_with_retry(name, df.RetryOptions(1000, choose.randrange(1, 4)), 1)
        if kind == 3:
            return context.call_sub_orchestrator("child", {"n": choose.random()})
        if kind == 4:
            return context.call_entity(df.EntityId("e", "k"), "get")
        if kind == 5:
            return context.call_http("GET", "http://localhost/")
        if kind == 6:
            return context.task_all([context.call_activity("good", n) for n in range(3)])
        return context.call_activity(name, {"n": choose.random()})


def _shown(value: Any) -> Any:
    result = getattr(value, "result", value)
    if isinstance(result, list):
        return [_shown(one) for one in result]
    return str(result) if isinstance(result, Exception) else result


def _extra(choose: random.Random, stamp: int) -> list[Event]:
    """Events that nobody asked for."""
    kind = choose.random()
    if kind < 0.25:
        value = jsontext.encode({"at": stamp})
        return [event(EventType.EventRaised, stamp, Name=choose.choice(NAMES), Input=value)]
    if kind < 0.3:
        return [event(EventType.ExecutionSuspended, stamp, Reason="wait")]
    return [event(EventType.ExecutionResumed, stamp, Reason="go on")] if kind < 0.4 else []


def play(seed: int, *, drops: bool) -> tuple[Both, World, Script]:
    """Run the orchestration of a seed to its end, or for as long as something may come."""
    choose = random.Random(f"world {seed}")
    script = Script(seed)
    world, settings = World(df.Orchestrator.create(script.run), script), DurableSettings()
    both = Both(PlainReplay(world, settings), lambda _: world.handle)
    stamp = 1_700_000_000 * SECOND
    live = Live(InstanceRecord("i", "e", "script", "", RuntimeStatus.RUNNING, None, None, None, 0, 0))
    start = execution_started(stamp, name="s", instance_id="i", execution_id="e", input_='"1"', version=None)
    arriving, open_ends = [start, *_extra(choose, stamp)], []
    for _ in range(MOST_EPISODES):
        stamp += choose.randrange(3600 * SECOND)
        events = accepted(live, [Message(one, "e") for one in arriving])
        if events:
            episode = run_episode(live, events, stamp, world, world, settings, both)
            assert episode is not None
            if episode.decision.completion is not None:
                break
            live.append(episode.events)
            open_ends += answers(episode.decision, stamp)
        if drops and choose.random() < 0.2:
            live.kept = None
        choose.shuffle(open_ends)
        count = choose.randrange(len(open_ends) + 1)
        arriving, open_ends = [*open_ends[:count], *_extra(choose, stamp)], open_ends[count:]
    return both, world, script


@pytest.mark.filterwarnings("ignore:Potential duplicate Task")
@pytest.mark.parametrize("drops", [False, True], ids=["kept", "dropped-now-and-then"])
def test_what_a_seed_makes_up_goes_the_same_way_kept_and_replayed(drops: bool) -> None:
    """Decisions, replies and, where nothing is dropped, what user code sees of the replay."""
    sdk_speed.install()
    kept = 0
    for seed in range(SEEDS):
        both, world, script = play(seed, drops=drops)
        assert both.differences == [], f"seed {seed}"
        assert drops or script.seen == world.seen, f"seed {seed}"
        kept += both.kept
    assert kept > 3 * SEEDS

"""Finds out whether the installed SDK is one whose generators can be kept alive (see `sdk_generator`).

Its version must be known, and a trial orchestration that uses every kind of task must give the same replies,
to the byte, from a kept generator as from replays, and see the same on its way.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
import warnings
from importlib import metadata
from typing import Any, Protocol

import azure.durable_functions as df

from devhost import jsontext
from devhost.app.settings import DurableSettings
from devhost.engine.live import Live
from devhost.engine.models import RuntimeStatus
from devhost.orchestration.actions import Command
from devhost.orchestration.decision import Completion, Decision
from devhost.orchestration.episode import run_episode
from devhost.orchestration.history import Event, EventType, event, execution_started
from devhost.orchestration.keeping import StickySettings
from devhost.orchestration.plain_replay import PlainReplay
from devhost.orchestration.sticky import StickyInstances
from devhost.state.records import InstanceRecord
from devhost.timestamps import SECOND

__all__ = ["VERSIONS", "Both", "answers", "problem"]

VERSIONS = ("1.7.",)
_PACKAGE = "azure-functions-durable"
_MOST_EPISODES = 100
_DAY = 86_400 * SECOND
_silent = logging.getLogger("devhost.probe")
_silent.disabled = True


@functools.cache
def problem() -> str | None:
    """Say why generators of this SDK cannot be kept; None when they can."""
    version = metadata.version(_PACKAGE)
    if not version.startswith(VERSIONS):
        return f"{_PACKAGE} {version} has not been tried (known: {', '.join(f'{one}x' for one in VERSIONS)})."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _difference(_Trial())
    except Exception as error:  # noqa: BLE001  whatever it is, the SDK is not as expected
        return f"{_PACKAGE} {version} does not behave as expected ({type(error).__name__}: {error})."


class Both:
    """A ``Decider`` that decides each episode both ways, and notes where the two differ.

    ``differences`` are texts; ``kept`` counts the episodes that a kept generator went on with.
    """

    def __init__(self, plain: PlainReplay, handle_of: Any):
        self._plain = plain
        # Each reply is compared too: where one differs, the decision is to fail the instance.
        settings = StickySettings(check_every=1, growth=1.0)
        self._sticky = StickyInstances(plain, handle_of, settings, logger=_silent)
        self.differences: list[str] = []
        self.kept = 0

    def decide(self, live: Live, new: list[Event], started: Event, function: str) -> Decision:
        """Return the decision of the plain replay."""
        self.kept += live.kept is not None
        got = self._sticky.decide(live, new, started, function)
        expected = self._plain.decide(live, new, started, function)
        if repr(got) != repr(expected):
            self.differences.append(f"{function} at event {len(live.history.events)}: {got}, not {expected}")
        return expected


class Trial(Protocol):
    """An orchestration that keeps what it saw on the way."""

    seen: list[Any]


class World:
    """A runner of one orchestrator, and a catalog that knows every name."""

    def __init__(self, handle: Any, trial: Trial):
        self.handle = handle
        self._trial = trial
        self.seen: list[Any] = []

    def run_orchestrator(self, function_name: str, context_json: str) -> str:
        of_the_kept, self._trial.seen = self._trial.seen, []
        try:
            return self.handle(context_json)
        finally:
            # What a replay tells of earlier episodes is known from those: it was no replay then.
            self.seen += self._trial.seen[len(self.seen) :]
            self._trial.seen = of_the_kept

    def run_entity(self, function_name: str, batch_json: str) -> str:
        raise AssertionError("nothing is sent here")

    def submit_activity(self, function_name: str, input_json: str, done: Any) -> None:
        raise AssertionError("nothing is sent here")

    def orchestrator(self, name: str) -> str | None:
        return name

    activity = entity = orchestrator

    def known_orchestrators(self) -> list[str]:
        return []

    known_activities = known_entities = known_orchestrators


def _difference(trial: _Trial) -> str | None:
    handle = df.Orchestrator.create(trial.run)
    runner, settings = World(handle, trial), DurableSettings()
    both = Both(PlainReplay(runner, settings), lambda _: handle)
    live = Live(InstanceRecord("probe", "e", "probe", "", RuntimeStatus.RUNNING, None, None, None, 0, 0))
    stamp = 1_700_000_000 * SECOND
    start = execution_started(
        stamp, name="probe", instance_id="probe", execution_id="e", input_='{"n":3}', version="1"
    )
    early = event(EventType.EventRaised, stamp, Name="early", Input='{"at":"once"}')
    arriving = [start, early]
    for _ in range(_MOST_EPISODES):
        stamp += _DAY
        episode = run_episode(live, arriving, stamp, runner, runner, settings, both)
        assert episode is not None
        live.append(episode.events)
        completion = episode.decision.completion
        if trial.seen != runner.seen:
            return f"a kept generator sees {trial.seen[-1:]}, a replay {runner.seen[-1:]}."
        if both.differences:
            return f"a kept generator differs from a replay: {both.differences[0]}"
        if completion is not None:
            return _verdict(both, completion)
        arriving = answers(episode.decision, stamp)
    return "the trial orchestration does not end."


def _verdict(both: Both, completion: Completion) -> str | None:
    if completion.status is not RuntimeStatus.COMPLETED:
        return f"the trial orchestration ends as {completion.status}: {completion.result}"
    return None if both.kept else "no generator could be kept."


def answers(decision: Decision, stamp: int) -> list[Event]:
    """Return an end for everything that an episode asked for; activities called ``bad`` fail."""
    return [one for command in decision.commands for one in _answer(command, stamp)]


def _answer(command: Command, stamp: int) -> list[Event]:
    number, kind = command.id, EventType(command.kind)
    if kind is EventType.TimerCreated:
        fired = event(EventType.TimerFired, stamp, TimerId=number, FireAt=command.fire_at)
        return [] if command.cancelled else [fired]
    if kind is EventType.EventSent:
        request = command.request or {}
        if request.get("signal"):
            return []
        answer = jsontext.encode({"result": '"state"'})
        return [event(EventType.EventRaised, stamp, Name=request["id"], Input=answer)]
    result: dict[str, Any]
    if kind is EventType.SubOrchestrationInstanceCreated:
        ended, result = EventType.SubOrchestrationInstanceCompleted, {"Result": '{"from":"child"}'}
    elif command.name == "bad":
        ended, result = EventType.TaskFailed, {"Reason": "it broke", "Details": "here"}
    else:
        ended, result = EventType.TaskCompleted, {"Result": command.input}
    return [event(ended, stamp, TaskScheduledId=number, **result)]


class _Trial:
    """An orchestration that uses every kind of task; ``seen`` is what it saw on the way."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def run(self, context: Any) -> Any:
        """Yield the tasks, and return all values that came back."""
        got: list[Any] = []

        def note(value: Any) -> None:
            got.append([value, str(context.current_utc_datetime), context.new_uuid()])
            context.set_custom_status({"so far": got})
            events = [(one.event_type, one.is_played, one.timestamp) for one in context.histories]
            self.seen.append((context.is_replaying, events))

        yield from _tasks(context, note)
        return got


def _tasks(context: Any, note: Any) -> Any:
    note([context.get_input(), context.version, context.instance_id, context.parent_instance_id])
    known = context.call_activity("good", {"ä": 1.5})
    note((yield known))
    try:
        yield context.call_activity_with_retry("bad", df.RetryOptions(1000, 2), [1])
    except Exception as error:  # noqa: BLE001  the SDK raises nothing more precise
        note(str(error))
    yield from _races(context, note)
    note((yield known))
    context.signal_entity(df.EntityId("counter", "a"), "add", 1)
    note((yield context.call_entity(df.EntityId("counter", "a"), "get")))
    note((yield context.call_sub_orchestrator("child", {"x": None}, "child-1")))
    note((yield context.call_http("GET", "http://localhost/")))
    yield context.create_timer(context.current_utc_datetime + dt.timedelta(days=20))
    note(str(context.new_guid()))


def _races(context: Any, note: Any) -> Any:
    timer = context.create_timer(context.current_utc_datetime + dt.timedelta(hours=1))
    early = context.wait_for_external_event("early")
    winner = yield context.task_any([timer, early])
    if winner is early:
        timer.cancel()
    note(early.result)
    pending = [context.call_activity("good", number) for number in range(3)]
    while pending:
        done = yield context.task_any(pending)
        pending.remove(done)
        note(done.result)
    tasks = [context.call_activity(name, name) for name in ("good", "bad", "good")]
    try:
        yield context.task_all(tasks)
    except Exception as error:  # noqa: BLE001  the SDK raises nothing more precise
        note(str(error))
    note([task.result for task in (yield context.task_all([context.task_any(tasks[:1]), tasks[2]]))[:1]])

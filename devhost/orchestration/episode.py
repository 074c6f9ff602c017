"""One episode of an orchestration: take in messages, replay the user's code, decide what follows.

Nothing is written here: the result is a value, which `devhost.engine.outcome` turns into a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from devhost import jsontext
from devhost.app.settings import DurableSettings
from devhost.engine.live import Live
from devhost.engine.mailboxes import Message
from devhost.engine.models import RuntimeStatus
from devhost.engine.ports import Catalog, Runner
from devhost.errors import UnknownFunction
from devhost.orchestration import versions
from devhost.orchestration.actions import HTTP_ACTIVITY, Command
from devhost.orchestration.decision import Completion, Decision, failed
from devhost.orchestration.history import COMPLETIONS, Event, EventType, event
from devhost.orchestration.plain_replay import PlainReplay, ended
from devhost.orchestration.refusals import refusal

__all__ = [
    "Decider",
    "Episode",
    "Prepared",
    "accepted",
    "complete",
    "prepare",
    "run_episode",
    "version_mismatch",
]


class Decider(Protocol):
    """Asks the user's code what follows from the history in ``live`` and the new events of an episode."""

    def decide(self, live: Live, new: list[Event], started: Event, function: str) -> Decision:
        """Return the decision of an episode."""
        ...


@dataclass(frozen=True)
class Episode:
    """The result of an episode: the events to append, and the decision that they record."""

    events: list[Event]
    decision: Decision
    started: Event


def accepted(live: Live, messages: Sequence[Message]) -> list[Event]:
    """Return the events of the messages that concern this execution, the start first.

    Left out are messages for an older execution and ends of tasks and timers that have ended already
    (delivery is at least once).
    """
    events: list[Event] = []
    open_tasks, open_timers = set(live.open_tasks), set(live.open_timers)
    start_wanted = live.started is None
    for message in messages:
        if message.execution_id not in (None, live.record.execution_id):
            continue
        kind = message.event["EventType"]
        if kind in COMPLETIONS:
            if message.event["TaskScheduledId"] not in open_tasks:
                continue
            open_tasks.discard(message.event["TaskScheduledId"])
        elif kind == EventType.TimerFired:
            if message.event["TimerId"] not in open_timers:
                continue
            open_timers.discard(message.event["TimerId"])
        elif kind == EventType.ExecutionStarted:
            if start_wanted:
                events.insert(0, message.event)
                start_wanted = False
            continue
        events.append(message.event)
    return events


def version_mismatch(live: Live, events: Sequence[Event], settings: DurableSettings) -> str | None:
    """Say why this host may not run the instance; None when it may."""
    started = live.started or _started_in(events)
    return versions.mismatch(started["Version"] or "", settings) if started else None


@dataclass(frozen=True)
class Prepared:
    """An episode that is about to be decided. ``new`` are its events so far, ``stamp`` is its time.

    ``decision`` is there already when the user's code has no say in it, else ``function`` has to be asked.
    """

    new: list[Event]
    started: Event
    stamp: int
    function: str
    decision: Decision | None


def run_episode(
    live: Live,
    events: Sequence[Event],
    stamp: int,
    runner: Runner,
    catalog: Catalog,
    settings: DurableSettings,
    decider: Decider | None = None,
) -> Episode | None:
    """Run one episode at ``stamp`` with the given new events; ``decider`` is a plain replay unless given.

    None when the execution has not started: its start is lost, and nothing can be done with the events.
    """
    prepared = prepare(live, events, stamp, catalog, settings)
    if prepared is None:
        return None
    decision = prepared.decision
    if decision is None:
        decider = PlainReplay(runner, settings) if decider is None else decider
        decision = decider.decide(live, prepared.new, prepared.started, prepared.function)
    return complete(prepared, decision, catalog, settings)


def prepare(
    live: Live, events: Sequence[Event], stamp: int, catalog: Catalog, settings: DurableSettings
) -> Prepared | None:
    """Begin an episode; None when the execution has not started."""
    started = live.started or _started_in(events)
    if started is None:
        return None
    new = [event(EventType.OrchestratorStarted, stamp), *events]
    function = catalog.orchestrator(started["Name"])
    decision = _decision_without_code(live, new, started, function, catalog, settings)
    return Prepared(new, started, stamp, function or "", decision)


def complete(prepared: Prepared, decision: Decision, catalog: Catalog, settings: DurableSettings) -> Episode:
    """End an episode with what was decided."""
    decision = _refused(decision, prepared.started, catalog)
    stamp = prepared.stamp
    recorded = [_command_event(command, stamp, settings) for command in decision.commands]
    if decision.completion is not None:
        recorded.append(_completed_event(decision, decision.completion, stamp))
    closing = event(EventType.OrchestratorCompleted, stamp)
    return Episode([*prepared.new, *recorded, closing], decision, prepared.started)


def _started_in(events: Sequence[Event]) -> Event | None:
    return next((one for one in events if one["EventType"] == EventType.ExecutionStarted), None)


def _decision_without_code(
    live: Live,
    new: list[Event],
    started: Event,
    function: str | None,
    catalog: Catalog,
    settings: DurableSettings,
) -> Decision | None:
    """Return the end of an execution that was terminated or cannot be run here, else None."""
    terminated = next((one for one in new if one["EventType"] == EventType.ExecutionTerminated), None)
    if terminated is not None:
        return ended(Completion(RuntimeStatus.TERMINATED, terminated["Input"]), live)
    mismatch = version_mismatch(live, new, settings)
    if mismatch is not None:
        return ended(Completion(RuntimeStatus.FAILED, mismatch, mismatch), live)
    if function is None:
        text = str(UnknownFunction("orchestrator", started["Name"], catalog.known_orchestrators()))
        return ended(Completion(RuntimeStatus.FAILED, text, text), live)
    return None


def _refused(decision: Decision, started: Event, catalog: Catalog) -> Decision:
    instance = started["OrchestrationInstance"]["InstanceId"]
    parent = started["ParentInstance"]
    parent_id = parent["OrchestrationInstance"]["InstanceId"] if parent else None
    text = refusal(decision.commands, catalog, instance, parent_id)
    if text is None:
        return decision
    return replace(decision, commands=[], completion=failed(started["Name"], text))


def _command_event(command: Command, stamp: int, settings: DurableSettings) -> Event:
    kind = EventType(command.kind)
    if kind is EventType.TimerCreated:
        return event(kind, stamp, command.id, FireAt=command.fire_at)
    if kind is EventType.EventSent:
        sent = jsontext.encode(command.request)
        return event(kind, stamp, command.id, InstanceId=command.target, Name=command.name, Input=sent)
    stored = _stored_input(command) if settings.store_inputs_in_orchestration_history else None
    if kind is EventType.TaskScheduled:
        return event(kind, stamp, command.id, Name=command.name, Version="", Input=stored, Tags=None)
    return event(
        kind,
        stamp,
        command.id,
        Name=command.name,
        Version=command.version,
        InstanceId=command.target,
        Input=stored,
        ClientSpanId=None,
        Tags=None,
    )


def _stored_input(command: Command) -> str | None:
    # The framework keeps the arguments of an activity as an array of one.
    if command.kind == EventType.TaskScheduled and command.name != HTTP_ACTIVITY:
        return jsontext.encode([command.input])
    return command.input


def _completed_event(decision: Decision, completion: Completion, stamp: int) -> Event:
    return event(
        EventType.ExecutionCompleted,
        stamp,
        decision.next_id,
        OrchestrationStatus=completion.status.value,
        Result=completion.result,
        FailureDetails=None,
    )

"""The check that a replay schedules what the history says (protocol 2.5). Pure; texts as in DTFx."""

from __future__ import annotations

from devhost.orchestration.actions import Command
from devhost.orchestration.history import Event, EventType

__all__ = ["NonDeterminism", "check", "departure"]

_DETECTED = "Non-Deterministic workflow detected: A previous execution of this orchestration"
_HEAD = f"{_DETECTED} scheduled "
_TAIL = "Was a change made to the orchestrator code after this instance had already started running?"
_MISSING = "but the current replay execution hasn't (yet?) scheduled this task. "
_ACTION_NAMES = {
    EventType.TaskScheduled: "ScheduleTaskOrchestratorAction",
    EventType.TimerCreated: "CreateTimerOrchestratorAction",
    EventType.SubOrchestrationInstanceCreated: "CreateSubOrchestrationAction",
    EventType.EventSent: "SendEventOrchestratorAction",
}


class NonDeterminism(Exception):
    """The replay differs from the history; the text is the one that the instance fails with."""


def check(recorded: Event, command: Command | None) -> None:
    """Compare a command event of the history with the command of the replay that has its id.

    Raises NonDeterminism when there is none, or when kind or name (ignoring case) differ.
    """
    if command is not None and command.kind == recorded["EventType"] and _same_name(recorded, command):
        return
    raise NonDeterminism(f"{_HEAD}{_DIFFERENCES[recorded['EventType']](recorded, command)}{_TAIL}")


def departure(was: str, now: str, place: str) -> str:
    """Return the text for a kept instance whose history gives something else in a replay.

    ``was`` is what it did (``scheduled …``), ``now`` what the replay does (``schedules …``).
    """
    return f"{_DETECTED} {was}, but a replay of its history {now}. The place: {place}. {_TAIL}"


def _same_name(recorded: Event, command: Command) -> bool:
    named = command.kind in (EventType.TaskScheduled, EventType.SubOrchestrationInstanceCreated)
    return not named or recorded["Name"] == command.name or recorded["Name"].lower() == command.name.lower()


def _activity(recorded: Event, command: Command | None) -> str:
    number, name = recorded["EventId"], recorded["Name"]
    if command is None:
        version = recorded.get("Version") or ""
        return (
            f"an activity task with sequence ID {number} and name '{name}' (version '{version}'), {_MISSING}"
        )
    head = (
        f"an activity task with sequence number {number} named '{name}', "
        "but the current orchestration replay "
    )
    if command.kind != EventType.TaskScheduled:
        return f"{head}instead produced a {_action(command)} action with this sequence number. "
    return f"{head}instead scheduled an activity task named '{command.name}' with this sequence number.  "


def _timer(recorded: Event, command: Command | None) -> str:
    number = recorded["EventId"]
    if command is None:
        return f"a timer task with sequence number {number} {_MISSING}"
    return (
        f"a timer task with sequence number {number} named but the current orchestration replay instead "
        f"produced a {_action(command)} action with this sequence number. "
    )


def _sub_orchestration(recorded: Event, command: Command | None) -> str:
    head = (
        f"a sub-orchestration task with sequence ID {recorded['EventId']} and name '{recorded['Name']}' "
        f"(version '{recorded.get('Version') or ''}', instance ID '{recorded['InstanceId']}'), "
    )
    if command is None:
        return f"{head}{_MISSING}"
    if command.kind != EventType.SubOrchestrationInstanceCreated:
        return (
            f"{head}but the current orchestration replay instead produced a {_action(command)} action "
            "at this sequence number. "
        )
    return (
        f"{head}but the current orchestration replay instead scheduled a sub-orchestration task "
        f"with name {command.name} at this sequence number. "
    )


def _event_sent(recorded: Event, command: Command | None) -> str:
    head = (
        f"a send event task with sequence ID {recorded['EventId']}, type 'EventSent' "
        f"name '{recorded['Name']}', "
        f"instance ID '{recorded['InstanceId']}', "
    )
    if command is None:
        return f"{head}{_MISSING}"
    return (
        f"{head}but the current orchestration replay instead scheduled a {_action(command)} task "
        "at this sequence number. "
    )


def _action(command: Command) -> str:
    return _ACTION_NAMES[EventType(command.kind)]


_DIFFERENCES = {
    EventType.TaskScheduled: _activity,
    EventType.TimerCreated: _timer,
    EventType.SubOrchestrationInstanceCreated: _sub_orchestration,
    EventType.EventSent: _event_sent,
}

"""Writes what an episode came to: history, row, and the messages that it causes, in one transaction."""

from __future__ import annotations

from typing import Any

from devhost import jsontext, timestamps
from devhost.engine.live import Live
from devhost.engine.mailboxes import Message
from devhost.engine.models import RuntimeStatus
from devhost.engine.starting import Starter, first_event
from devhost.engine.work import Work
from devhost.errors import InstanceExists
from devhost.orchestration.actions import Command
from devhost.orchestration.decision import Completion, Decision, details
from devhost.orchestration.episode import Episode
from devhost.orchestration.history import Event, EventType, event
from devhost.state.records import ActivityTask, InstanceRecord, TimerRecord

__all__ = ["forget_ended", "write_episode"]

_ACTIVITY_ENDS = (EventType.TaskCompleted, EventType.TaskFailed)


def write_episode(
    work: Work, live: Live, messages: list[Message], episode: Episode, starter: Starter
) -> Live:
    """Write an episode and return the instance as it is afterwards.

    ``live`` is changed on the way: when the transaction fails it has to be read again.
    """
    work.consume(messages)
    forget_ended(work, live.record.instance_id, episode.events)
    _send_commands(work, live, episode, starter)
    completion = episode.decision.completion
    if completion is not None and completion.status is RuntimeStatus.CONTINUED_AS_NEW:
        return _continue_as_new(work, live, episode, completion, starter.new_id())
    return _write_progress(work, live, episode, completion)


def forget_ended(work: Work, instance_id: str, events: list[Event]) -> None:
    """Delete the activities and timers whose ends are among the events."""
    ended = [e["TaskScheduledId"] for e in events if e["EventType"] in _ACTIVITY_ENDS]
    if ended:
        work.transaction.delete_activities(instance_id, ended)
    fired = [e["TimerId"] for e in events if e["EventType"] == EventType.TimerFired]
    if fired:
        work.transaction.delete_timers(instance_id, fired)


def _write_progress(work: Work, live: Live, episode: Episode, completion: Completion | None) -> Live:
    record = live.record = _progress(live.record, episode, completion, work.stamp)
    work.transaction.append_history(record.instance_id, live.append(episode.events))
    work.transaction.put_progress(record)
    if completion is None or completion.status is RuntimeStatus.FAILED:
        # What a failed one has open goes on, as on the real host: it may be rewound and then needs the ends.
        _drop_cancelled_timers(work, record, episode)
    else:
        work.end_execution(record.instance_id, something_open=bool(live.open_tasks or live.open_timers))
    if completion is not None:
        work.effects.finished.append(record)
        _tell_parent(work, episode.started, completion)
    return live


def _progress(
    record: InstanceRecord, episode: Episode, completion: Completion | None, stamp: int
) -> InstanceRecord:
    decision = episode.decision
    status = RuntimeStatus.SUSPENDED if decision.suspended else RuntimeStatus.RUNNING
    output = record.output
    for one in episode.events:
        if one["EventType"] in (EventType.ExecutionSuspended, EventType.ExecutionResumed):
            output = one["Reason"]  # the real host shows the reason as output until there is one
    if completion is not None:
        status, output = completion.status, completion.result
    output = None if output is None else jsontext.clean(output)
    custom = _custom_status(record, decision)
    return record.changed(status=status, output=output, custom_status=custom, updated=stamp)


def _custom_status(record: InstanceRecord, decision: Decision) -> str | None:
    return decision.custom_status if decision.sets_custom_status else record.custom_status


def _drop_cancelled_timers(work: Work, record: InstanceRecord, episode: Episode) -> None:
    cancelled = sorted(episode.decision.cancelled)
    if cancelled:
        work.transaction.delete_timers(record.instance_id, cancelled)
        work.effects.disarmed += [(record.instance_id, record.execution_id, number) for number in cancelled]


def _continue_as_new(
    work: Work, live: Live, episode: Episode, completion: Completion, execution_id: str
) -> Live:
    old = live.record
    started = episode.started
    record = old.changed(
        execution_id=execution_id,
        status=RuntimeStatus.RUNNING,
        input=completion.result,
        output=None,
        custom_status=_custom_status(old, episode.decision),
        created=work.stamp,
        updated=work.stamp,
    )
    work.end_execution(record.instance_id)
    work.transaction.delete_history(record.instance_id)
    work.transaction.put_instance(record)
    start = first_event(record, started["ParentInstance"], started["Generation"] + 1)
    for one in [start, *completion.carried]:
        work.send(record.instance_id, one, record.execution_id)
    return Live(record)


def _send_commands(work: Work, live: Live, episode: Episode, starter: Starter) -> None:
    record = live.record
    now = timestamps.parse(episode.events[0]["Timestamp"])
    activities: list[ActivityTask] = []
    timers: list[TimerRecord] = []
    for command in episode.decision.commands:
        if command.kind == EventType.TaskScheduled:
            activities.append(
                ActivityTask(record.instance_id, record.execution_id, command.id, command.name, command.input)
            )
        elif command.kind == EventType.TimerCreated:
            if not command.cancelled:
                due = timestamps.parse(command.fire_at)
                timers.append(TimerRecord(record.instance_id, record.execution_id, command.id, due, now))
        elif command.kind == EventType.EventSent:
            _send_request(work, command)
        else:
            _start_child(work, record, command, starter)
    if activities:
        work.transaction.add_activities(activities)
        work.effects.activities += activities
    if timers:
        work.transaction.add_timers(timers)
        work.effects.timers += timers


def _send_request(work: Work, command: Command) -> None:
    due = timestamps.parse(command.due) if command.due else None
    work.send(command.target, dict(command.request or {}), due=due)


def _start_child(work: Work, parent: InstanceRecord, command: Command, starter: Starter) -> None:
    origin: dict[str, Any] = {
        "Name": parent.name,
        "OrchestrationInstance": {"InstanceId": parent.instance_id, "ExecutionId": parent.execution_id},
        "TaskScheduleId": command.id,
        "Version": parent.version or "",
    }
    try:
        starter.start(work, command.name, command.target, command.input, command.version, origin)
    except InstanceExists as error:
        failed = event(
            EventType.SubOrchestrationInstanceFailed,
            work.stamp,
            TaskScheduledId=command.id,
            Reason=str(error),
            Details=details(str(error)),
            FailureDetails=None,
        )
        work.send(parent.instance_id, failed, parent.execution_id)


def _tell_parent(work: Work, started: Event, completion: Completion) -> None:
    parent = started["ParentInstance"]
    if parent is None:
        return
    number = parent["TaskScheduleId"]
    if completion.status is RuntimeStatus.COMPLETED:
        told = event(
            EventType.SubOrchestrationInstanceCompleted,
            work.stamp,
            TaskScheduledId=number,
            Result=completion.result,
        )
    else:
        told = event(
            EventType.SubOrchestrationInstanceFailed,
            work.stamp,
            TaskScheduledId=number,
            Reason=completion.result,
            Details=completion.details,
            FailureDetails=None,
        )
    instance = parent["OrchestrationInstance"]
    work.send(instance["InstanceId"], told, instance["ExecutionId"])

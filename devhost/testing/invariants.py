"""What is true of every state of the host, whatever the app does; for simulations and other tests.

`problems` is for a host that is idle: between two moves of it a message may be under way in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from devhost import timestamps
from devhost.engine.models import InstanceFilter, RuntimeStatus
from devhost.orchestration.history import INPUTS, Event, EventType
from devhost.orchestration.rewinding import was_rewound
from devhost.state.records import InstanceRecord, is_entity
from devhost.state.store import Store

__all__ = ["history_problems", "problems"]

_SCHEDULED = frozenset((4, 7, 10, 14))
# What ends what: the kind that was scheduled, and the field that names it.
_ENDS = {
    EventType.TaskCompleted: (EventType.TaskScheduled, "TaskScheduledId"),
    EventType.TaskFailed: (EventType.TaskScheduled, "TaskScheduledId"),
    EventType.SubOrchestrationInstanceCompleted: (
        EventType.SubOrchestrationInstanceCreated,
        "TaskScheduledId",
    ),
    EventType.SubOrchestrationInstanceFailed: (EventType.SubOrchestrationInstanceCreated, "TaskScheduledId"),
    EventType.TimerFired: (EventType.TimerCreated, "TimerId"),
}


@dataclass
class _Reader:
    """Reads one history event by event and notes what does not fit."""

    scheduled: dict[int, Event] = field(default_factory=dict)
    open: dict[int, EventType] = field(default_factory=dict)
    started: int = 0
    completed: Event | None = None
    inside: bool = False
    last: int = 0
    problems: list[str] = field(default_factory=list)

    def read(self, position: int, one: Event) -> None:
        kind = EventType(one["EventType"])
        where = f"event {position} ({kind.name})"
        self.problems += [f"{where}: {text}" for text in self._wrong(kind, one)]
        if kind not in INPUTS:
            self.last = timestamps.parse(one["Timestamp"])
        if kind in (EventType.OrchestratorStarted, EventType.OrchestratorCompleted):
            self.inside = kind is EventType.OrchestratorStarted
        elif kind is EventType.ExecutionStarted:
            self.started += 1
        elif kind is EventType.ExecutionCompleted:
            self.completed = one
        elif kind in _SCHEDULED:
            self.scheduled[one["EventId"]] = one
            self.open[one["EventId"]] = kind
        elif kind in _ENDS:
            self.open.pop(one[_ENDS[kind][1]], None)

    def _wrong(self, kind: EventType, one: Event) -> Iterator[str]:
        stamp = timestamps.parse(one["Timestamp"])
        if kind in INPUTS and stamp > self.last:
            yield "is younger than its episode"
        if kind not in INPUTS and stamp < self.last:
            yield "time goes backwards"
        if self.completed is not None and kind is not EventType.OrchestratorCompleted:
            yield "comes after the end of the execution"
        if (kind is EventType.OrchestratorStarted) == self.inside:
            yield "is in no episode, or begins one inside of another"
        if kind is EventType.ExecutionStarted and self.started:
            yield "the execution starts a second time"
        if not self.started and kind not in (EventType.OrchestratorStarted, EventType.ExecutionStarted):
            yield "comes before the start of the execution"
        if kind in _SCHEDULED and one["EventId"] in self.scheduled:
            yield f"the id {one['EventId']} is taken"
        if kind in _ENDS:
            yield from self._wrong_end(kind, one)

    def _wrong_end(self, kind: EventType, one: Event) -> Iterator[str]:
        wanted, name = _ENDS[kind]
        number = one[name]
        if number not in self.scheduled or self.scheduled[number]["EventType"] != wanted:
            yield f"nothing of the kind was scheduled under the id {number}"
        elif number not in self.open:
            yield f"the task {number} has ended before"
        elif kind is EventType.TimerFired:
            yield from self._wrong_firing(number, one)

    def _wrong_firing(self, number: int, one: Event) -> Iterator[str]:
        made = self.scheduled[number]
        if self.last + timestamps.SECOND <= timestamps.parse(made["FireAt"]):
            yield f"the timer {number} fires a second or more before its time"
        if one["Timestamp"] != made["Timestamp"]:
            yield f"the firing of the timer {number} has another time than its making"


def _read(events: Iterable[Event]) -> _Reader:
    reader = _Reader()
    for position, one in enumerate(events):
        reader.read(position, one)
    return reader


def history_problems(events: Sequence[Event]) -> list[str]:
    """Return what is wrong with a stored history (whole events, oldest first)."""
    return _read(events).problems


def problems(store: Store) -> list[str]:
    """Return what is wrong in the state of an idle host."""
    records, _ = store.instances(InstanceFilter(top=10_000_000))
    by_id = {one.instance_id: one for one in records}
    found = [
        f"{one.instance_id}: {text}"
        for one in records
        if not is_entity(one.instance_id)
        for text in _instance_problems(one, store, by_id)
    ]
    known = [(task.instance_id, "an activity") for task in store.activities()]
    known += [(timer.instance_id, "a timer") for timer in store.timers()]
    known += [(message.instance_id, "a message") for message in store.messages() if message.due is None]
    for instance_id, what in known:
        # What a failed instance has begun goes on.
        status = by_id[instance_id].status if instance_id in by_id else None
        if status is None or (
            status.finished and not (status is RuntimeStatus.FAILED and what != "a message")
        ):
            found.append(f"{instance_id}: {what} is stored for an instance that is gone or finished")
    return found


def _instance_problems(
    record: InstanceRecord, store: Store, by_id: dict[str, InstanceRecord]
) -> Iterator[str]:
    events = json.loads(store.history(record.instance_id))
    reader = _read(events)
    yield from reader.problems
    completed = reader.completed
    shown = completed["OrchestrationStatus"] if completed is not None else None
    if record.status.finished and shown != record.status.value:
        yield f"it is {record.status.value}, its history ends with {shown}"
    if not record.status.finished:
        if completed is not None:
            yield "its history has ended, but it has not"
        if not was_rewound(events):
            yield from _orphans(record, reader, store, by_id)


def _orphans(
    record: InstanceRecord, reader: _Reader, store: Store, by_id: dict[str, InstanceRecord]
) -> Iterator[str]:
    """Yield the open tasks that nobody will end."""
    activities = {task.task_id for task in store.activities() if task.instance_id == record.instance_id}
    for number, kind in reader.open.items():
        if kind is EventType.TaskScheduled and number not in activities:
            yield f"the activity {number} is awaited, but not stored"
        if kind is EventType.SubOrchestrationInstanceCreated:
            child = by_id.get(reader.scheduled[number]["InstanceId"])
            if child is None or child.status.finished:
                yield f"the sub-orchestration {number} is awaited, but is gone or has ended"

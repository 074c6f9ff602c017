"""History events and what is made of them: the context of a replay, and the history that users see. Pure.

An event is a dict with the field names of the Durable extension (protocol 2.2). Events are never changed once
they are in a history.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any

from devhost import jsontext, timestamps

__all__ = [
    "COMPLETIONS",
    "INPUTS",
    "Event",
    "EventType",
    "History",
    "activity_failure_details",
    "context_head",
    "context_json",
    "event",
    "execution_started",
    "fold",
]

Event = dict[str, Any]


class EventType(IntEnum):
    """Numbers of the event types, as the Durable Task Framework has them."""

    ExecutionStarted = 0
    ExecutionCompleted = 1
    ExecutionFailed = 2
    ExecutionTerminated = 3
    TaskScheduled = 4
    TaskCompleted = 5
    TaskFailed = 6
    SubOrchestrationInstanceCreated = 7
    SubOrchestrationInstanceCompleted = 8
    SubOrchestrationInstanceFailed = 9
    TimerCreated = 10
    TimerFired = 11
    OrchestratorStarted = 12
    OrchestratorCompleted = 13
    EventSent = 14
    EventRaised = 15
    ContinueAsNew = 16
    GenericEvent = 17
    HistoryState = 18
    ExecutionSuspended = 19
    ExecutionResumed = 20
    ExecutionRewound = 21


# Events that come to an orchestration from outside; only these are ever marked as played.
INPUTS = frozenset(
    {
        EventType.ExecutionStarted,
        EventType.ExecutionTerminated,
        EventType.TaskCompleted,
        EventType.TaskFailed,
        EventType.SubOrchestrationInstanceCompleted,
        EventType.SubOrchestrationInstanceFailed,
        EventType.TimerFired,
        EventType.EventRaised,
        EventType.ExecutionSuspended,
        EventType.ExecutionResumed,
        EventType.ExecutionRewound,
    }
)
# Events that end a task which the orchestration scheduled.
COMPLETIONS = frozenset(
    {
        EventType.TaskCompleted,
        EventType.TaskFailed,
        EventType.SubOrchestrationInstanceCompleted,
        EventType.SubOrchestrationInstanceFailed,
    }
)

_SHORT_TIMER, _LONG_TIMER = "6.00:00:00", "3.00:00:00"
_ASYNC_SLEEP_MILLISECONDS = 30_000


def event(kind: EventType, stamp: int, event_id: int = -1, **fields: Any) -> Event:
    """Make an event of the given kind at ``stamp`` (ticks)."""
    return {
        "EventType": int(kind),
        "EventId": event_id,
        "IsPlayed": False,
        "Timestamp": timestamps.text(stamp),
        **fields,
    }


def execution_started(
    stamp: int,
    *,
    name: str,
    instance_id: str,
    execution_id: str,
    input_: str | None,
    version: str | None,
    parent: dict[str, Any] | None = None,
    generation: int = 0,
) -> Event:
    """Make the event that begins an execution; ``input_`` is raw JSON text, ``parent`` a ParentInstance."""
    return event(
        EventType.ExecutionStarted,
        stamp,
        OrchestrationInstance={"InstanceId": instance_id, "ExecutionId": execution_id},
        ParentInstance=parent,
        Name=name,
        Version=version or "",
        Input=input_,
        Tags=None,
        Correlation=None,
        ParentTraceContext=None,
        ScheduledStartTime=None,
        Generation=generation,
    )


def activity_failure_details(message: str, traceback: str) -> str:
    """Return the ``Details`` of a failed activity: an exception as .NET serialises it, with our traceback."""
    return jsontext.dumps(
        {
            "$type": "System.Exception, System.Private.CoreLib",
            "ClassName": "System.Exception",
            "Message": f" {message}",
            "Data": None,
            "InnerException": None,
            "HelpURL": None,
            "StackTraceString": traceback,
            "RemoteStackTraceString": None,
            "RemoteStackIndex": 0,
            "ExceptionMethod": None,
            "HResult": -2146233088,
            "Source": None,
            "WatsonBuckets": None,
        }
    )


class History:
    """The history of one execution: events, and their texts ready to be put into a context.

    Append-only. Each event is serialised once, and a context is put together only when one is asked for: an
    instance whose generator is kept alive needs none.
    """

    __slots__ = ("_played", "_played_count", "_texts", "events")

    def __init__(self, events: Iterable[Event] = ()):
        self.events: list[Event] = list(events)
        self._played = ""
        self._played_count = 0
        # Texts of the last events; those of older ones are made when they are needed.
        self._texts: list[str] = []

    def append(self, events: Iterable[Event]) -> str:
        """Add the events of a finished episode; returns their texts, joined, as they are stored."""
        added = list(events)
        texts = [jsontext.encode(one) for one in added]
        self._texts += texts
        self.events += added
        return ",".join(texts)

    def texts_with(self, new: Sequence[Event]) -> str:
        """Return the JSON array of the history followed by events that are not in it yet."""
        self._play()
        fresh = ",".join(jsontext.encode(one) for one in new)
        return f"[{_joined(self._played, fresh)}]"

    def _play(self) -> None:
        events = self.events[self._played_count :]
        texts = [jsontext.encode(one) for one in events[: len(events) - len(self._texts)]] + self._texts
        played = ",".join(
            text.replace('"IsPlayed":false', '"IsPlayed":true', 1) if one["EventType"] in INPUTS else text
            for one, text in zip(events, texts, strict=True)
        )
        self._played = _joined(self._played, played)
        self._played_count, self._texts = len(self.events), []


def _joined(first: str, second: str) -> str:
    return f"{first},{second}" if first and second else first or second


def context_json(history: History, new: Sequence[Event], started: Event) -> str:
    """Return the argument of an orchestrator call (protocol 2.1).

    ``new`` are the events of this episode, ``started`` the ExecutionStarted event, wherever it is. An input
    that is not JSON is handed over as a string, as it is.
    """
    head = jsontext.encode(context_head(started, replaying=bool(history.events)))
    input_text = "null" if started["Input"] is None else jsontext.compact_or_string(started["Input"])
    return f'{head[:-1]},"input":{input_text},"history":{history.texts_with(new)}}}'


def context_head(started: Event, *, replaying: bool) -> dict[str, Any]:
    """Return the context without input and history."""
    parent = started["ParentInstance"]
    return {
        "instanceId": started["OrchestrationInstance"]["InstanceId"],
        "isReplaying": replaying,
        "parentInstanceId": parent["OrchestrationInstance"]["InstanceId"] if parent else None,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "longRunningTimerIntervalDuration": _LONG_TIMER,
        "maximumShortTimerDuration": _SHORT_TIMER,
        "defaultHttpAsyncRequestSleepTimeMillseconds": _ASYNC_SLEEP_MILLISECONDS,
    }


_SCHEDULED = frozenset((EventType.TaskScheduled, EventType.SubOrchestrationInstanceCreated))
_FRAME = frozenset((EventType.OrchestratorStarted, EventType.OrchestratorCompleted))
_ALWAYS_HIDDEN = ("EventId", "IsPlayed")
_HIDDEN = {
    EventType.ExecutionStarted: ("OrchestrationInstance", "ParentInstance", "Version", "Tags", "Name"),
    EventType.TaskScheduled: ("Version",),
    EventType.SubOrchestrationInstanceCreated: ("Version",),
    EventType.TimerFired: ("TimerId",),
    **dict.fromkeys(COMPLETIONS, ("TaskScheduledId",)),
}


def fold(events: Iterable[Event], *, show_input: bool, show_output: bool) -> list[dict[str, Any]]:
    """Return the history that ``showHistory`` answers (protocol 6).

    A scheduled task and its end become one element; results are shown as values; bookkeeping is left out.
    """
    listed = list(events)
    scheduled = {one["EventId"]: one for one in listed if one["EventType"] in _SCHEDULED}
    ended = {one["TaskScheduledId"] for one in listed if one["EventType"] in COMPLETIONS}
    rows = []
    for one in listed:
        kind = EventType(one["EventType"])
        if kind in _FRAME or (kind in _SCHEDULED and one["EventId"] in ended):
            continue
        rows.append(_shown(one, kind, scheduled, show_input, show_output))
    return rows


def _shown(
    one: Event, kind: EventType, scheduled: dict[int, Event], show_input: bool, show_output: bool
) -> dict[str, Any]:
    hidden = (*_ALWAYS_HIDDEN, *_HIDDEN.get(kind, ()))
    row = {"EventType": kind.name} | {
        key: value for key, value in one.items() if key not in hidden and key != "EventType"
    }
    if kind is EventType.ExecutionStarted:
        row["FunctionName"] = one["Name"]
    origin = scheduled.get(one["TaskScheduledId"]) if kind in COMPLETIONS else None
    if origin is not None:
        row |= {
            "ScheduledTime": origin["Timestamp"],
            "FunctionName": origin["Name"],
            "Input": origin["Input"],
        }
    if not show_input:
        row.pop("Input", None)
    if "Result" in row:
        row["Result"] = jsontext.value_or_string(row["Result"])
        if not show_output:
            del row["Result"]
    return row

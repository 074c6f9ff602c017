"""Recorded histories as they come in: read, told apart and checked, before anything is replayed.

Two forms are known. A *full* one has every stored event with its id (`devhost.replay.export`). A *folded* one
is what the management API answers with ``showHistory=true&showHistoryOutput=true``: ends of tasks carry
``ScheduledTime`` and ``FunctionName``, ids are left out (`devhost.replay.unfold` makes them up again).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devhost import timestamps
from devhost.errors import DevhostError
from devhost.orchestration.history import COMPLETIONS, Event, EventType

__all__ = ["FORMAT", "Recording", "UnusableHistory", "read"]

#: The number of the format that `export` writes. A change of the fields needs a new one.
FORMAT = 1
_HOW_TO_GET_ONE = (
    "Take one with 'python -m devhost export INSTANCE_ID', or from the management API with "
    "showHistory=true&showHistoryOutput=true."
)
_NEEDED = {
    EventType.ExecutionStarted: ("Name",),
    EventType.TaskScheduled: ("EventId", "Name"),
    EventType.SubOrchestrationInstanceCreated: ("EventId", "Name"),
    EventType.TimerCreated: ("EventId", "FireAt"),
    EventType.EventSent: ("EventId", "Input"),
    EventType.TimerFired: ("TimerId",),
    EventType.EventRaised: ("Name",),
    **dict.fromkeys(COMPLETIONS, ("TaskScheduledId",)),
}


class UnusableHistory(DevhostError):
    """The input is no history that can be replayed; the text says why, and how to get one."""


@dataclass(frozen=True)
class Recording:
    """One recorded history.

    ``events`` are stored events with numbers as ``EventType`` when it is full, else the elements of
    ``historyEvents`` as they were. ``places[n]`` is where ``events[n]`` stands in the list named ``label`` of
    the input. ``doubtful``: results may belong to other calls than it says. ``notes`` tell what a history of
    this form leaves open. ``version``: that of the instance, where the history does not tell it itself.
    """

    source: str
    name: str
    instance_id: str
    events: list[Event]
    places: list[int]
    label: str = "events"
    folded: bool = False
    doubtful: bool = False
    version: str = ""
    notes: list[str] = field(default_factory=list)


def read(history: Any) -> Recording:
    """Read a history: a file, its JSON text parsed (object or list), or a Recording. Raises
    UnusableHistory.
    """
    if isinstance(history, Recording):
        return history
    if isinstance(history, (str, Path)):
        return _recording(_load(Path(history)), str(history))
    return _recording(history, "the history")


def _load(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnusableHistory(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UnusableHistory(f"{path} is no text in UTF-8: {error}. {_HOW_TO_GET_ONE}") from error
    try:
        return json.loads(text)
    except ValueError as error:
        where = "It ends too early: " if text.strip() and not text.rstrip().endswith(("}", "]")) else ""
        raise UnusableHistory(f"{path} is no JSON. {where}{error}. {_HOW_TO_GET_ONE}") from error


def _recording(value: Any, source: str) -> Recording:
    head = value if isinstance(value, Mapping) else {}
    events, label = _events(value, source)
    if not events:
        raise UnusableHistory(
            f"{source} has no events: a Pending instance has no history yet. {_HOW_TO_GET_ONE}"
        )
    rows = [_event(row, f"{label}[{n}] of {source}") for n, row in enumerate(events)]
    folded = all("EventId" not in row for row in rows)
    if not folded:
        _check_full(rows, label, source)
    started = next((row for row in rows if row["EventType"] == EventType.ExecutionStarted), None)
    if started is None:
        raise UnusableHistory(
            f"{source} has no ExecutionStarted, so the input of the orchestration is missing. "
            f"{_HOW_TO_GET_ONE}"
        )
    instance = started.get("OrchestrationInstance") or {}
    return Recording(
        source=source,
        name=_name(started, head, source),
        instance_id=str(head.get("instanceId") or instance.get("InstanceId") or "unknown"),
        events=rows,
        places=list(range(len(rows))),
        label=label,
        folded=folded,
    )


def _events(value: Any, source: str) -> tuple[list[Any], str]:
    if isinstance(value, list):
        return value, "events"
    if not isinstance(value, Mapping):
        raise UnusableHistory(
            f"{source} is no history: it is neither an object nor a list. {_HOW_TO_GET_ONE}"
        )
    if isinstance(value.get("events"), list):
        _check_format(value.get("format"), source)
        return value["events"], "events"
    if isinstance(value.get("historyEvents"), list):
        return value["historyEvents"], "historyEvents"
    if "runtimeStatus" in value:
        raise UnusableHistory(
            f"{source} is the status of an instance without its history. Ask again with "
            "showHistory=true&showHistoryOutput=true."
        )
    raise UnusableHistory(
        f"{source} is no history: it has neither 'events' nor 'historyEvents'. {_HOW_TO_GET_ONE}"
    )


def _check_format(number: Any, source: str) -> None:
    if not isinstance(number, int) or number < 1:
        raise UnusableHistory(f"{source} has no format number. {_HOW_TO_GET_ONE}")
    if number > FORMAT:
        raise UnusableHistory(
            f"{source} has format {number}; this version reads up to {FORMAT}. "
            "Replay it with the version that exported it, or a later one."
        )


def _event(row: Any, place: str) -> Event:
    if not isinstance(row, Mapping):
        raise UnusableHistory(f"{place} is no event, but {json.dumps(row)[:60]}. {_HOW_TO_GET_ONE}")
    kind = row.get("EventType")
    try:
        number = EventType[kind] if isinstance(kind, str) else EventType(kind)
    except (KeyError, ValueError):
        raise UnusableHistory(
            f"{place} has the EventType {kind!r}, which is none of the Durable Task Framework."
        ) from None
    try:
        timestamps.parse(row.get("Timestamp") or "")
    except (ValueError, TypeError) as error:
        raise UnusableHistory(
            f"{place} ({number.name}) has no Timestamp that can be read: {error}."
        ) from error
    return {**row, "EventType": int(number)}


def _check_full(rows: list[Event], label: str, source: str) -> None:
    if rows[0]["EventType"] != EventType.OrchestratorStarted:
        raise UnusableHistory(
            f"{source} does not begin with OrchestratorStarted: its beginning is missing. {_HOW_TO_GET_ONE}"
        )
    for n, row in enumerate(rows):
        kind = EventType(row["EventType"])
        missing = [key for key in _NEEDED.get(kind, ()) if key not in row]
        if missing:
            raise UnusableHistory(
                f"{label}[{n}] of {source} ({kind.name}) has no {' and no '.join(missing)}."
            )


def _name(started: Event, head: Mapping[str, Any], source: str) -> str:
    name = started.get("Name") or started.get("FunctionName") or head.get("name")
    if not isinstance(name, str) or not name:
        raise UnusableHistory(f"{source} does not say which orchestrator ran. {_HOW_TO_GET_ONE}")
    return name

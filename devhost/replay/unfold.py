"""Make a full history of a folded one, as far as that is possible.

What `showHistory` leaves out, and how it comes back:

* ids: commands are numbered in the order of their times. Where several have the same time, the order in which
  today's code asks for them decides, and among equals the order in which they ended.
* which result belongs to which of several equal calls: known by their inputs if those are shown, else it is
  the order in which they ended, which may be wrong (`Recording.doubtful`).
* episodes: one for each event that came in, at its own time, so `current_utc_datetime` may be a little off.
  The firing of a timer has the time at which the timer was made: it came at `FireAt`, up to a second earlier,
  or later. What was asked for then, or the end of the execution, tells the time.
* execution id, parent and version of the instance: unknown, so empty.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from typing import Any

from devhost import jsontext, timestamps
from devhost.orchestration.actions import Command
from devhost.orchestration.history import COMPLETIONS, Event, EventType, event
from devhost.replay.episodes import COMMANDS
from devhost.replay.recording import Recording, UnusableHistory

__all__ = ["Ask", "unfold"]

#: Returns what the code asks for next: ``ask(events so far, new events, ticks)``.
Ask = Callable[[Sequence[Event], Sequence[Event], int], list[Command]]

_SCHEDULED = {
    EventType.TaskCompleted: EventType.TaskScheduled,
    EventType.TaskFailed: EventType.TaskScheduled,
    EventType.SubOrchestrationInstanceCompleted: EventType.SubOrchestrationInstanceCreated,
    EventType.SubOrchestrationInstanceFailed: EventType.SubOrchestrationInstanceCreated,
}
_UNKNOWN = "unknown"
_NEVER = 2**63
# A child that was not given an id has that of its parent's execution with a number.
_CHILD = re.compile(r"^[0-9a-f]{32}:\d+$")
_PARENT = {
    "Name": _UNKNOWN,
    "OrchestrationInstance": {"InstanceId": _UNKNOWN, "ExecutionId": _UNKNOWN},
    "TaskScheduleId": 0,
    "Version": "",
}
_NOTES = (
    "this history is as the management API shows it, without ids: they are made up from order, time and name",
    "it does not tell the version (see --version) and the parent, nor to the millisecond when the code ran "
    "(context.version, context.parent_instance_id, context.current_utc_datetime, context.new_uuid)",
)


@dataclass
class _Command:
    """A command of the history: ``row`` is the element that tells of it, ``end`` that of its end, if any."""

    kind: EventType
    name: str
    input: str | None
    time: int
    row: int
    fields: dict[str, Any]
    end: int | None = None
    slot: int = 0
    earliest: int = 0
    id: int = -1


@dataclass
class _Input:
    """An event that came in between ``time`` and ``latest``, most likely at ``likely`` (all in ticks)."""

    row: int
    time: int
    likely: int
    latest: int


def unfold(folded: Recording, ask: Ask) -> Recording:
    """Return the full history of a folded one. Raises UnusableHistory when inputs or results were left
    out.
    """
    rows = folded.events
    _check_shown(folded)
    inputs, commands = _sorted_out(rows)
    _place(inputs, commands)
    return _Builder(folded, inputs, commands, ask).build()


def _check_shown(folded: Recording) -> None:
    rows, source = folded.events, folded.source
    started = next(row for row in rows if row["EventType"] == EventType.ExecutionStarted)
    needs_input = {EventType.ExecutionStarted, EventType.EventRaised, EventType.EventSent}
    if "Input" not in started or any(row["EventType"] in needs_input and "Input" not in row for row in rows):
        raise UnusableHistory(f"{source} was taken with showInput=false. Ask again without that.")
    succeeded = {EventType.TaskCompleted, EventType.SubOrchestrationInstanceCompleted}
    if any(row["EventType"] in succeeded and "Result" not in row for row in rows):
        raise UnusableHistory(
            f"{source} has no results. Ask again with showHistory=true&showHistoryOutput=true."
        )
    if any(row["EventType"] in COMPLETIONS and "ScheduledTime" not in row for row in rows):
        raise UnusableHistory(f"{source} has ends of tasks without their ScheduledTime.")


def _sorted_out(rows: Sequence[Event]) -> tuple[list[_Input], list[_Command]]:
    """Tell what came in from what was asked for; the end of the execution is left to the builder."""
    inputs: list[_Input] = []
    commands: list[_Command] = []
    started = next(n for n, row in enumerate(rows) if row["EventType"] == EventType.ExecutionStarted)
    for number in [started, *(n for n in range(len(rows)) if n != started)]:
        row, kind = rows[number], EventType(rows[number]["EventType"])
        if kind in COMMANDS:
            commands.append(_listed(row, kind, number, len(inputs)))
        elif kind is not EventType.ExecutionCompleted:
            if kind in COMPLETIONS:
                commands.append(_ended(row, kind, number, len(inputs)))
            inputs.append(_came(row, kind, number))
    return _in_order(inputs), commands


def _came(row: Event, kind: EventType, number: int) -> _Input:
    time = timestamps.parse(row["Timestamp"])
    if kind is not EventType.TimerFired:
        return _Input(number, time, time, time)
    due = max(time, _ticks(row.get("FireAt")))
    return _Input(number, max(time, due - timestamps.SECOND), due, _NEVER)


def _in_order(inputs: list[_Input]) -> list[_Input]:
    """None came before the one before it, nor after the one after it."""
    earliest = list(accumulate((one.time for one in inputs), max))
    latest = list(accumulate((one.latest for one in reversed(inputs)), min))[::-1]
    return [
        replace(one, time=low, likely=max(low, min(one.likely, high)), latest=max(low, high))
        for one, low, high in zip(inputs, earliest, latest, strict=True)
    ]


def _listed(row: Event, kind: EventType, number: int, slot: int) -> _Command:
    hidden = ("EventType", "Timestamp", "FunctionName")
    fields = {key: value for key, value in row.items() if key not in hidden}
    name = row.get("Name") or row.get("FunctionName") or ""
    return _Command(
        kind, name, row.get("Input"), timestamps.parse(row["Timestamp"]), number, fields, slot=slot
    )


def _ended(row: Event, kind: EventType, number: int, slot: int) -> _Command:
    name, text = row.get("FunctionName") or "", row.get("Input")
    return _Command(
        _SCHEDULED[kind],
        name,
        text if text is None or isinstance(text, str) else jsontext.dumps(text),
        timestamps.parse(row["ScheduledTime"]),
        number,
        {"InstanceId": ""},
        end=number,
        slot=slot,
    )


def _place(inputs: list[_Input], commands: list[_Command]) -> None:
    """Say between which inputs each command may have been recorded, from its time and from the order of
    others.

    ``slot`` comes in as the greatest possible number of inputs before it. In the end ``earliest`` and
    ``slot`` are the same unless times are equal.
    """
    times = [one.time for one in inputs]
    latest_times = [one.latest for one in inputs]
    for one in commands:
        one.earliest = one.slot
        if one.end is not None:
            one.slot = max(1, min(one.slot, bisect_right(times, one.time)))
            one.earliest = max(1, bisect_left(latest_times, one.time))
    # What was asked for before another command cannot have been recorded after it.
    latest = later = len(inputs)
    for _, group in groupby(sorted(commands, key=lambda one: -one.time), key=lambda one: one.time):
        for one in group:
            one.slot = min(one.slot, latest)
            one.earliest = min(one.earliest, one.slot)
            later = min(later, one.slot)
        latest = later


class _Builder:
    """Writes the full history, episode by episode."""

    def __init__(self, folded: Recording, inputs: list[_Input], commands: list[_Command], ask: Ask):
        self._folded = folded
        self._inputs = inputs
        self._left = sorted(commands, key=lambda one: one.time)
        self._ask = ask
        self._events: list[Event] = []
        self._places: list[int] = []
        self._next_id = 0
        self._ids: dict[int, int] = {}
        self._timers: defaultdict[int, list[int]] = defaultdict(list)
        self._notes: list[str] = [*_NOTES]
        self._doubtful = False

    def build(self) -> Recording:
        """Return the full recording."""
        for number, one in enumerate(self._inputs, start=1):
            candidates = [command for command in self._left if command.earliest <= number]
            came_in = self._came_in(one)
            stamp = self._stamp(number, one, candidates)
            ordered = self._ordered(number, candidates, came_in, stamp)
            if ordered:
                stamp = max(one.time, ordered[0].time)
            self._add(event(EventType.OrchestratorStarted, stamp), one.row)
            self._add(came_in, one.row)
            for command in ordered:
                self._add(self._asked_for(command), command.row)
            if number == len(self._inputs):
                self._add_end()
            self._add(event(EventType.OrchestratorCompleted, stamp), one.row)
        return replace(
            self._folded,
            events=self._events,
            places=self._places,
            doubtful=self._doubtful,
            notes=self._notes,
        )

    def _stamp(self, number: int, one: _Input, candidates: list[_Command]) -> int:
        """When the episode of an input began: what was asked for in it has that time, and so has the end."""
        asked = [command.time for command in candidates if command.slot == number]
        if number == len(self._inputs) and one.latest != one.time:
            ends = (row for row in self._folded.events if row["EventType"] == EventType.ExecutionCompleted)
            asked += [timestamps.parse(row["Timestamp"]) for row in ends]
        return max(one.time, min(asked, default=one.likely))

    def _add(self, one: Event, row: int) -> None:
        self._events.append(one)
        self._places.append(row)

    def _add_end(self) -> None:
        for number, row in enumerate(self._folded.events):
            if row["EventType"] != EventType.ExecutionCompleted:
                continue
            result = row.get("Result")
            if row.get("OrchestrationStatus") == "Completed" or not isinstance(result, (str, type(None))):
                result = jsontext.dumps(result)
            self._add({**row, "EventId": self._next_id, "IsPlayed": False, "Result": result}, number)

    def _came_in(self, one: _Input) -> Event:
        row = {**self._folded.events[one.row], "EventId": -1, "IsPlayed": False}
        kind = EventType(row["EventType"])
        if kind is EventType.ExecutionStarted:
            return self._started(row)
        if kind in COMPLETIONS:
            row["TaskScheduledId"] = self._ids[one.row]
            if "Result" in row:
                row["Result"] = None if row["Result"] is None else jsontext.dumps(row["Result"])
        if kind is EventType.TimerFired:
            row["TimerId"] = self._fired(row, one.row)
        return row

    def _started(self, row: Event) -> Event:
        identity = {"InstanceId": self._folded.instance_id, "ExecutionId": _UNKNOWN}
        given = row["Input"]
        return {
            **row,
            "Name": self._folded.name,
            "Version": self._folded.version,
            "OrchestrationInstance": identity,
            "ParentInstance": _PARENT if _CHILD.search(self._folded.instance_id) else None,
            "Input": given if given is None or isinstance(given, str) else jsontext.dumps(given),
        }

    def _fired(self, row: Event, number: int) -> int:
        waiting = self._timers.get(_ticks(row.get("FireAt")))
        if not waiting:
            raise UnusableHistory(
                f"historyEvents[{number}] of {self._folded.source} is a timer that fired, but none was made "
                f"for {row.get('FireAt')}."
            )
        return waiting.pop(0)

    def _asked_for(self, one: _Command) -> Event:
        one.id = self._next_id
        self._next_id += 1
        if one.end is not None:
            self._ids[one.end] = one.id
        fields = {"Name": one.name, "Version": "", **one.fields, "Input": one.input}
        if one.kind is EventType.TimerCreated:
            fields = dict(one.fields)
            self._timers[_ticks(fields["FireAt"])].append(one.id)
        return event(one.kind, one.time, **fields) | {"EventId": one.id}

    # -- the order of commands

    def _ordered(self, number: int, candidates: list[_Command], came_in: Event, stamp: int) -> list[_Command]:
        """Return the commands that follow an input, in their order; what may come later is left for later."""
        groups = [list(group) for _, group in groupby(candidates, key=lambda one: one.time)]
        certain = all(one.slot == number for one in candidates)
        alike = len({(one.kind, one.name, one.input) for one in candidates}) < 2
        if certain and (alike or all(len(group) == 1 for group in groups)):
            ordered = candidates
        else:
            asked = self._ask(self._events, [came_in], stamp)
            ordered = [one for group in groups for one in _as_asked(group, asked, number)]
        for one in ordered:
            self._left.remove(one)
        self._note_equals(ordered)
        return ordered

    def _note_equals(self, group: list[_Command]) -> None:
        alike: defaultdict[tuple[Any, ...], list[_Command]] = defaultdict(list)
        for one in group:
            if one.kind in (EventType.TaskScheduled, EventType.SubOrchestrationInstanceCreated):
                alike[(one.time, one.kind, one.name, one.input)].append(one)
        for (_, _, name, _), equals in alike.items():
            if len({self._outcome(one) for one in equals}) > 1:
                self._doubtful = True
                moment = timestamps.text(equals[0].time)
                self._notes.append(
                    f"{len(equals)} calls of '{name}' were made at {moment}; it does not tell which "
                    "result belongs to which, so a difference in the output is a warning only"
                )

    def _outcome(self, one: _Command) -> str:
        if one.end is None:
            return "open"
        row = self._folded.events[one.end]
        return jsontext.encode([row["EventType"], row.get("Result"), row.get("Reason"), row.get("Details")])


def _ticks(text: Any) -> int:
    """The same moment is written with six digits by who asks for a timer, and with trimmed ones when it
    fires.
    """
    try:
        return timestamps.parse(text)
    except (TypeError, ValueError):
        return -1


def _as_asked(group: list[_Command], asked: list[Command], number: int) -> list[_Command]:
    """Return commands of one time in the order in which the code asks for such. ``asked`` is used up.

    What it does not ask for is left out if it may also have been recorded after a later input.
    """
    left, ordered = list(group), []
    while asked and left:
        match = _match(asked[0], left)
        if match is None:
            break
        asked.pop(0)
        left.remove(match)
        ordered.append(match)
    return [*ordered, *(one for one in left if one.slot == number)]


def _match(command: Command, left: list[_Command]) -> _Command | None:
    named = [
        one
        for one in left
        if one.kind == command.kind
        and (one.kind is EventType.TimerCreated or one.name.lower() == command.name.lower())
    ]
    exact = [one for one in named if one.input is not None and one.input == _stored(command)]
    return next(iter([*exact, *named]), None)


def _stored(command: Command) -> str | None:
    if command.kind == EventType.TaskScheduled:
        return jsontext.encode([command.input])
    return command.input

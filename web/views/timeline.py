"""The timeline of a run, from the history events that the durable client's `get_status` gives.

A history as it is shown has no ids any more: a task and its end are one event with two times, a timer and
its firing are two events of one `FireAt`, and a wait is known only by the event that ended it. What cannot
be told from that is not guessed at: see `_waits` and `_timers`.

The time of a timer's firing is that of its making, and it may fire up to a second early: where it ended is
told by `FireAt`, and what it woke by what was asked for next.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from web.words import as_moment

Kind = Literal["activity", "run", "timer", "wait", "entity", "pause"]
Outcome = Literal["done", "failed", "running", "fired", "pending", "unused", "received", "stopped"]
Event = Mapping[str, Any]

KINDS: dict[Kind, str] = {
    "activity": "Activity",
    "run": "Sub-orchestration",
    "timer": "Timer",
    "wait": "Wait for an event",
    "entity": "Entity call",
    "pause": "Suspended",
}
OUTCOMES: dict[Outcome, str] = {
    "done": "done",
    "failed": "failed",
    "running": "still going",
    "fired": "ran out",
    "pending": "open or cancelled",
    "unused": "not needed",
    "received": "received",
    "stopped": "stopped",
}
#: What may follow a timer and has no name of its own.
NEXT = {
    "TimerCreated": "another timer",
    "EventSent": "a call of an entity",
    "ExecutionCompleted": "the end",
    "ExecutionFailed": "the end",
}

_ENDS = ("ExecutionCompleted", "ExecutionFailed", "ExecutionTerminated")
_TASKS: dict[str, tuple[Kind, Outcome]] = {
    "TaskScheduled": ("activity", "running"),
    "TaskCompleted": ("activity", "done"),
    "TaskFailed": ("activity", "failed"),
    "SubOrchestrationInstanceCreated": ("run", "running"),
    "SubOrchestrationInstanceCompleted": ("run", "done"),
    "SubOrchestrationInstanceFailed": ("run", "failed"),
}
# What came in at the end of what had been asked for before, and what was asked for at its own time.
_STEPS_ENDED = frozenset(kind for kind, (_, outcome) in _TASKS.items() if outcome != "running")
_ASKED = (
    frozenset(("TimerCreated", "EventSent", "ExecutionCompleted", "ExecutionFailed", *_TASKS)) - _STEPS_ENDED
)
_EARLIEST = timedelta(seconds=1)
# The answer of an entity comes as an event whose name is the id of the question.
_REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Bar:
    """One stretch of a run. `end` is the end as shown; `open` says that it has not ended yet.

    `run` is the instance of a sub-orchestration where the history tells it, `detail` a failure's text or
    what an event brought. `woke` names what a timer that ran out was followed by, where that is known: an
    activity, a sub-orchestration, or what `NEXT` has.
    """

    kind: Kind
    name: str
    start: datetime
    end: datetime
    outcome: Outcome
    open: bool = False
    run: str | None = None
    detail: str | None = None
    woke: str | None = None

    @property
    def length(self) -> timedelta:
        """From start to end."""
        return self.end - self.start


@dataclass(frozen=True)
class Timeline:
    """All bars of a run by their start, and the span that they are drawn in."""

    start: datetime
    end: datetime
    ended: bool
    bars: list[Bar] = field(default_factory=list[Bar])

    @property
    def length(self) -> timedelta:
        """From start to end."""
        return self.end - self.start


def timeline(events: Iterable[Event], now: datetime, waiting_for: Sequence[str] = ()) -> Timeline | None:
    """Return the timeline of a history, or None when nothing has happened yet.

    `now` ends what has not ended; `waiting_for` names the events that the run says it waits for.
    """
    timed = [(when, event) for event in events if (when := as_moment(event.get("Timestamp")))]
    if not timed:
        return None
    start = timed[0][0]
    ended = next((when for when, event in timed if event.get("EventType") in _ENDS), None)
    end = max(ended or now, start)
    bars = [*_tasks(timed, end, ended), *_timers(timed, end, ended), *_pauses(timed, end, ended)]
    bars += _waits(timed, bars, start)
    if ended is None:
        bars += _open_waits(bars, start, end, waiting_for)
    return Timeline(start, end, ended is not None, sorted(bars, key=lambda bar: (bar.start, bar.end)))


Timed = list[tuple[datetime, Event]]


def _tasks(timed: Timed, end: datetime, ended: datetime | None) -> Iterator[Bar]:
    for when, event in timed:
        kind_and_outcome = _TASKS.get(str(event.get("EventType")))
        if kind_and_outcome is None:
            continue
        kind, outcome = kind_and_outcome
        name = str(event.get("FunctionName") or event.get("Name") or "")
        if outcome == "running":
            gone = "running" if ended is None else "stopped"
            yield Bar(kind, name, when, end, gone, ended is None, event.get("InstanceId"))
        else:
            begun = as_moment(event.get("ScheduledTime")) or when
            yield Bar(kind, name, begun, when, outcome, run=event.get("InstanceId"), detail=_reason(event))


def _timers(timed: Timed, end: datetime, ended: datetime | None) -> Iterator[Bar]:
    """A timer that lost its race leaves no event behind.

    While its time has not come, nobody can say whether it still runs; afterwards, and in a run that has
    ended, it was not needed.
    """
    fired: defaultdict[datetime | None, deque[int]] = defaultdict(deque)
    for place, (_, event) in enumerate(timed):
        if event.get("EventType") == "TimerFired":
            fired[_fire_key(event)].append(place)
    rows = [_row(when, event) for when, event in timed] if fired else []
    for when, event in timed:
        if event.get("EventType") != "TimerCreated":
            continue
        due = as_moment(event.get("FireAt")) or when
        hits = fired[_fire_key(event)]
        if hits:
            woke = _woken(rows[hits.popleft() + 1 :], max(due - _EARLIEST, when))
            yield Bar("timer", "Timer", when, max(min(due, end), when), "fired", woke=woke)
        elif ended is not None or due <= end:
            yield Bar("timer", "Timer", when, max(min(due, end), when), "unused")
        else:
            yield Bar("timer", "Timer", when, end, "pending", open=True, detail=due.isoformat())


def _fire_key(event: Event) -> datetime | None:
    """Who asks for a timer may write its moment with other digits than who fires it."""
    return as_moment(event.get("FireAt"))


@dataclass(frozen=True)
class _Row:
    """One event: when it was asked for and when it came in, None where it was not or did not."""

    name: str
    asked: datetime | None
    came: datetime | None


def _row(when: datetime, event: Event) -> _Row:
    kind = str(event.get("EventType"))
    name = NEXT.get(kind) or str(event.get("FunctionName") or event.get("Name") or "")
    if kind in _STEPS_ENDED:
        return _Row(name, as_moment(event.get("ScheduledTime")), when)
    if kind in _ASKED:
        return _Row(name, when, None)
    return _Row(name, None, (as_moment(event.get("FireAt")) or when) if kind == "TimerFired" else when)


def _woken(later: Sequence[_Row], earliest: datetime) -> str | None:
    """Name what was asked for first after a timer had fired, unless something else had come in by then."""
    asked = [row for row in later if row.asked is not None and row.asked >= earliest]
    first = min(asked, key=lambda row: row.asked or earliest, default=None)
    if first is None or first.asked is None:
        return None
    for row in later:
        # At the same time, the end of a task of this very step is no news to it; anything else is.
        is_own = row.asked is not None and row.asked >= earliest
        if row.came is not None and (row.came < first.asked or (row.came == first.asked and not is_own)):
            return None
    return first.name or None


def _pauses(timed: Timed, end: datetime, ended: datetime | None) -> Iterator[Bar]:
    since: datetime | None = None
    reason = None
    for when, event in timed:
        if event.get("EventType") == "ExecutionSuspended" and since is None:
            since = when
            reason = event.get("Reason")
        elif event.get("EventType") == "ExecutionResumed" and since is not None:
            yield Bar("pause", "Suspended", since, when, "done", detail=_text(reason))
            since = None
    if since is not None:
        gone: Outcome = "running" if ended is None else "stopped"
        yield Bar("pause", "Suspended", since, end, gone, ended is None, detail=_text(reason))


def _waits(timed: Timed, others: list[Bar], start: datetime) -> Iterator[Bar]:
    """A history does not say when a wait began: its bar begins when the run was last busy before.

    Timers do not count as busy: reminders come and go while one wait goes on.
    """
    busy = sorted(bar.end for bar in others if bar.kind in ("activity", "run") and not bar.open)
    last = start
    asked = deque(when for when, event in timed if event.get("EventType") == "EventSent")
    for when, event in timed:
        if event.get("EventType") != "EventRaised":
            continue
        name = str(event.get("Name") or "")
        if _REQUEST_ID.fullmatch(name):
            yield Bar("entity", "Entity", asked.popleft() if asked else when, when, "done")
            continue
        before = max((end for end in busy if end <= when), default=start)
        yield Bar("wait", name, max(before, last), when, "received", detail=_text(event.get("Input")))
        last = when


def _open_waits(bars: list[Bar], start: datetime, end: datetime, waiting_for: Sequence[str]) -> Iterator[Bar]:
    done = (bar.end for bar in bars if bar.kind in ("activity", "run", "wait") and not bar.open)
    since = max(done, default=start)
    for name in waiting_for:
        yield Bar("wait", name, since, end, "running", open=True)


def _reason(event: Event) -> str | None:
    """Why it failed; the stack, where the host gives one, comes in the lines below."""
    return "\n".join(str(event[key]) for key in ("Reason", "Details") if event.get(key)) or None


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def ticks(span: timedelta, most: int = 5) -> list[timedelta]:
    """Even steps along a span, such that people read them at ease: seconds, minutes, hours, days."""
    seconds = span.total_seconds()
    if seconds <= 0:
        return []
    step = next((size for size in _STEPS if seconds / size <= most), _STEPS[-1])
    while seconds / step > most:
        step *= 2
    return [timedelta(seconds=step * n) for n in range(1, int(seconds / step) + 1)]


_STEPS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200),
    *(86400, 172800, 432000, 864000, 2592000, 7776000, 31536000),
)

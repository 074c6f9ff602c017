"""What a rewind takes out of the history of a failed instance. Pure.

The rule: everything that is kept came before the first event that is taken out could have had an effect, so a
replay meets the same commands. What was scheduled and has no end any more is taken out too; the replay
schedules it again, under the same id and with its input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devhost.orchestration.history import COMPLETIONS, Event, EventType

__all__ = ["Rewound", "rewind"]

_FAILURES = frozenset((EventType.TaskFailed, EventType.SubOrchestrationInstanceFailed))
_WORK = frozenset((EventType.TaskScheduled, EventType.SubOrchestrationInstanceCreated, EventType.EventSent))
_COMMANDS = _WORK | {EventType.TimerCreated}


@dataclass(frozen=True)
class Rewound:
    """The history to go on with, and the failed children that have to be rewound first."""

    events: list[Event]
    children: list[str]


def rewind(events: Sequence[Event], child_state: Callable[[str], str]) -> Rewound:
    """Take the last failures out of a history.

    ``child_state`` tells of a child instance whether it is ``failed``, ``alive`` or ``gone`` (finished
    otherwise, or unknown). Failed children keep their place and are rewound; gone ones are started anew.
    """
    kept = [one for one in events if one["EventType"] != EventType.ExecutionCompleted]
    first = _first_failure(kept)
    failed: set[int] = set()
    if first is not None:
        failed = {one["TaskScheduledId"] for one in kept[first:] if one["EventType"] in _FAILURES}
        later = {one["EventId"] for one in kept[first:] if one["EventType"] in _COMMANDS}
        kept = [one for one in kept if not _belongs_to(one, later) and not _is_end_of(one, failed)]
    ended = {_ended_id(one) for one in kept} - {None}
    children = {
        one["EventId"]: one["InstanceId"]
        for one in kept
        if one["EventType"] == EventType.SubOrchestrationInstanceCreated and one["EventId"] not in ended
    }
    states = {number: child_state(child) for number, child in children.items()}
    again = {number for number, state in states.items() if state == "failed" and number in failed}
    waiting = again | {number for number, state in states.items() if state == "alive"}
    kept = [one for one in kept if not _is_open(one, ended) or one["EventId"] in waiting]
    return Rewound(kept, [children[number] for number in sorted(again)])


def _first_failure(events: Sequence[Event]) -> int | None:
    """Return where to cut: the first failure after the last work that was scheduled, else the last failure.

    A failure that was followed by more work was handled by the user's code, so it is not what ended it.
    Timers do not count: a retry sets one after its last attempt.
    """
    failures = [n for n, one in enumerate(events) if one["EventType"] in _FAILURES]
    last_work = max((n for n, one in enumerate(events) if one["EventType"] in _WORK), default=-1)
    final = [n for n in failures if n > last_work]
    return final[0] if final else (failures[-1] if failures else None)


def _ended_id(one: Event) -> int | None:
    if one["EventType"] == EventType.TimerFired:
        return one["TimerId"]
    return one["TaskScheduledId"] if one["EventType"] in COMPLETIONS else None


def _belongs_to(one: Event, ids: set[int]) -> bool:
    return (one["EventType"] in _COMMANDS and one["EventId"] in ids) or _ended_id(one) in ids


def _is_end_of(one: Event, ids: set[int]) -> bool:
    return one["EventType"] in COMPLETIONS and one["TaskScheduledId"] in ids


def _is_open(one: Event, ended: set[int | None]) -> bool:
    schedules = one["EventType"] in _COMMANDS and one["EventType"] != EventType.EventSent
    return schedules and one["EventId"] not in ended

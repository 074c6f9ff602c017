"""What a rewind takes out of the history of a failed instance, as the real host on Azure Storage does. Pure.

Taken out are the end of the execution, each failed activity with its call, and each failure of a
sub-orchestration, wherever they stand: also those that the user's code has dealt with. A replay over what is
left may therefore differ from it. What is open stays as it is: nobody schedules it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from devhost.orchestration.history import Event, EventType

__all__ = ["Child", "Rewound", "rewind", "was_rewound"]

_MARK = "Rewound: SubOrchestrationInstanceCreated"


class Child(Enum):
    """What a rewind makes of a sub-orchestration that had failed."""

    FAILED = auto()  # it is rewound as well
    LEFT_ALONE = auto()  # it goes on, or has ended otherwise meanwhile
    FOREIGN = auto()  # the id belongs to the child of another execution, so the call is made again


@dataclass(frozen=True)
class Rewound:
    """The history to go on with, and the failed children, which have to be rewound.

    ``wakes`` tells whether the instance runs at once. One whose children had failed waits for their ends.
    """

    events: list[Event]
    children: list[str]
    wakes: bool


def rewind(events: Sequence[Event], child_of: Callable[[str], Child]) -> Rewound:
    """Take the failures out of a history; ``child_of`` tells of an instance that had failed as a child."""
    failed_tasks = _ended_by(EventType.TaskFailed, events)
    failed_children = _ended_by(EventType.SubOrchestrationInstanceFailed, events)
    states = {
        one["EventId"]: child_of(one["InstanceId"])
        for one in events
        if _calls(one, EventType.SubOrchestrationInstanceCreated, failed_children)
    }
    kept: list[Event] = []
    children: dict[str, None] = {}
    for one in events:
        if one["EventType"] in _TAKEN_OUT or _calls(one, EventType.TaskScheduled, failed_tasks):
            continue
        if _calls(one, EventType.SubOrchestrationInstanceCreated, failed_children):
            state = states[one["EventId"]]
            if state is Child.FOREIGN:
                continue
            if state is Child.FAILED:
                children[one["InstanceId"]] = None
            one = {**one, "Reason": _MARK}
        kept.append(one)
    wakes = not states or Child.FOREIGN in states.values()
    return Rewound(kept, list(children), wakes)


def was_rewound(events: Sequence[Event]) -> bool:
    """Tell whether a history was rewound: an end that came before that may have been lost."""
    return any(one["EventType"] == EventType.ExecutionRewound or one.get("Reason") == _MARK for one in events)


_TAKEN_OUT = frozenset(
    (EventType.ExecutionCompleted, EventType.TaskFailed, EventType.SubOrchestrationInstanceFailed)
)


def _ended_by(kind: EventType, events: Sequence[Event]) -> set[int]:
    return {one["TaskScheduledId"] for one in events if one["EventType"] == kind}


def _calls(one: Event, kind: EventType, numbers: set[int]) -> bool:
    return one["EventType"] == kind and one["EventId"] in numbers

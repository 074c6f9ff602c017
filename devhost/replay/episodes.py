"""A full history cut into episodes: what came in, and what the orchestrator asked for then. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devhost import timestamps
from devhost.orchestration.history import Event, EventType

__all__ = ["COMMANDS", "Span", "split"]

#: Kinds of events by which a history records what the code asked for.
COMMANDS = frozenset(
    (
        EventType.TaskScheduled,
        EventType.SubOrchestrationInstanceCreated,
        EventType.TimerCreated,
        EventType.EventSent,
    )
)
_FRAME = frozenset((EventType.OrchestratorStarted, EventType.OrchestratorCompleted))


@dataclass(frozen=True)
class Span:
    """One episode: the events ``first`` up to ``end`` (not included), by their numbers.

    ``inputs`` came in, ``commands`` were asked for, ``completion`` is the end of the execution or None.
    ``closed``: OrchestratorCompleted is there, so that ``commands`` are known to be all.
    """

    first: int
    end: int
    inputs: list[int]
    commands: list[int]
    completion: int | None
    closed: bool
    terminated: bool
    stamp: int


def split(events: Sequence[Event]) -> list[Span]:
    """Cut a full history, which begins with OrchestratorStarted, into its episodes."""
    starts = [n for n, one in enumerate(events) if one["EventType"] == EventType.OrchestratorStarted]
    ends = [*starts[1:], len(events)]
    return [_span(events, first, end) for first, end in zip(starts, ends, strict=True)]


def _span(events: Sequence[Event], first: int, end: int) -> Span:
    kinds = {n: events[n]["EventType"] for n in range(first, end)}
    ended = [n for n, kind in kinds.items() if kind == EventType.ExecutionCompleted]
    return Span(
        first=first,
        end=end,
        inputs=[
            n
            for n, kind in kinds.items()
            if kind not in COMMANDS and kind not in _FRAME and kind != EventType.ExecutionCompleted
        ],
        commands=[n for n, kind in kinds.items() if kind in COMMANDS],
        completion=ended[0] if ended else None,
        closed=EventType.OrchestratorCompleted in kinds.values(),
        terminated=EventType.ExecutionTerminated in kinds.values(),
        stamp=timestamps.parse(events[first]["Timestamp"]),
    )

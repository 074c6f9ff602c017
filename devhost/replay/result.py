"""What a replay check came to, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from devhost.replay.trace import Position

__all__ = ["Departure", "ReplayResult"]


@dataclass(frozen=True)
class Departure:
    """Where code and history part.

    ``index`` is the place in the list ``label`` of the input, from 0; ``kind``, ``name`` and ``time`` are
    those of that event. ``recorded`` is what the history has, ``now`` what the code asks for at ``position``.
    ``text`` is what the instance would fail with on a host, None when the host would not notice.
    """

    index: int
    label: str
    kind: str
    name: str | None
    time: str
    recorded: str
    now: str
    position: Position | None
    text: str | None = None

    def __str__(self) -> str:
        named = f" '{self.name}'" if self.name else ""
        lines = [
            f"{self.label}[{self.index}] {self.kind}{named} at {self.time}",
            f"  history: {self.recorded}",
            f"  code:    {self.now}",
        ]
        if self.position is not None:
            lines.append(f"  line:    {self.position}")
            if self.position.source:
                lines.append(f"           {self.position.source}")
        if self.text:
            lines.append(f"  a host fails the instance with: {self.text}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the departure as a JSON-able object."""
        place = self.position
        return {
            "index": self.index,
            "list": self.label,
            "kind": self.kind,
            "name": self.name,
            "time": self.time,
            "recorded": self.recorded,
            "now": self.now,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "function": place.function if place else None,
            "text": self.text,
        }


@dataclass(frozen=True)
class ReplayResult:
    """The outcome for one history. It is true when code and history agree: ``assert check(…)``.

    ``warnings`` are differences that break no replay (inputs, times of timers), ``notes`` what a history of
    this form cannot tell. ``finished`` is false when the history ends while the instance still runs.
    """

    source: str
    name: str
    instance_id: str
    events: int
    finished: bool
    departure: Departure | None = None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether today's code asks for what the history has."""
        return self.departure is None

    def __bool__(self) -> bool:
        return self.agrees

    @property
    def headline(self) -> str:
        """One line on the outcome."""
        what = f"{self.source}: {self.name} {self.instance_id}, {self.events} events"
        if self.departure is None:
            return f"{what}: agrees{'' if self.finished else ' (still running at its end)'}"
        return f"{what}: departs at {self.departure.label}[{self.departure.index}] {self.departure.kind}"

    def __str__(self) -> str:
        lines = [self.headline]
        if self.departure is not None:
            lines.append(str(self.departure))
        lines += [f"  warning: {one}" for one in self.warnings]
        lines += [f"  note: {one}" for one in self.notes]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as a JSON-able object."""
        return {
            "history": self.source,
            "name": self.name,
            "instanceId": self.instance_id,
            "events": self.events,
            "finished": self.finished,
            "agrees": self.agrees,
            "departure": self.departure.as_dict() if self.departure else None,
            "warnings": self.warnings,
            "notes": self.notes,
        }

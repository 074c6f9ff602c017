"""The check itself: find the first event at which today's code departs from a recorded history.

The rule is the engine's. The whole history is replayed once, as a host would do that takes in its last
messages again; if the commands and the end that this leads to are those that are recorded, history and code
agree. If not, the episodes are halved to find the first one that departs, and the event and the line in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from devhost.orchestration.actions import Command
from devhost.orchestration.history import Event, EventType
from devhost.replay.apps import App, load
from devhost.replay.compare import Judge, input_warnings
from devhost.replay.episodes import Span, split
from devhost.replay.player import Player
from devhost.replay.recording import Recording, read
from devhost.replay.result import Departure, ReplayResult
from devhost.replay.unfold import unfold

__all__ = ["Checker", "check"]


def check(history: Any, app: App, *, ignore_output: bool = False, version: str = "") -> ReplayResult:
    """Replay one recorded history against an app.

    ``history`` is a file, or the parsed JSON of one. ``app`` is the folder of a function_app.py, an app
    object, or blueprints. ``ignore_output`` allows another output of an instance that ended as it did then.
    ``version`` is that of the instance, for a history of the management API, which does
    not tell it. Raises UnusableHistory for input that is no history, AppError for an app that cannot be
    loaded.
    """
    return Checker(app, ignore_output=ignore_output, version=version).check(history)


class Checker:
    """Checks histories against one app, which is loaded once."""

    def __init__(self, app: App, *, ignore_output: bool = False, version: str = ""):
        self._index, settings = load(app)
        self._player = Player(self._index, settings.durable)
        self._ignore_output = ignore_output
        self._version = version

    def check(self, history: Path | str | Any) -> ReplayResult:
        """Replay one history; see `check`."""
        recording = replace(read(history), version=self._version)
        if self._index.orchestrator(recording.name) is None:
            return _result(recording, recording, self._unknown(recording))
        full = unfold(recording, self._asked) if recording.folded else recording
        departure, warnings = self._departure(full)
        return _result(recording, full, departure, warnings)

    def _asked(self, before: Sequence[Event], inputs: Sequence[Event], stamp: int) -> list[Command]:
        return self._player.play(before, inputs, stamp).decision.commands

    def _unknown(self, recording: Recording) -> Departure:
        number = next(
            n for n, e in enumerate(recording.events) if e["EventType"] == EventType.ExecutionStarted
        )
        known = ", ".join(self._index.known_orchestrators()) or "none"
        return Departure(
            index=recording.places[number],
            label=recording.label,
            kind="ExecutionStarted",
            name=recording.name,
            time=recording.events[number]["Timestamp"],
            recorded=f"orchestrator '{recording.name}' was started",
            now=f"the app has no orchestrator of that name; it has: {known}",
            position=None,
        )

    def _departure(self, full: Recording) -> tuple[Departure | None, list[str]]:
        spans = [span for span in split(full.events) if not span.terminated]
        if not spans:
            return None, ["the instance was terminated before its code ran; there is nothing to compare"]
        last = len(spans) - 1
        found, warnings = self._judge(full, spans[last])
        if found is None:
            return None, warnings
        first = _first(last, found, lambda number: self._judge(full, spans[number])[0])
        return first, warnings

    def _judge(self, full: Recording, span: Span) -> tuple[Departure | None, list[str]]:
        """Play one episode after all that came before it, and compare."""
        inputs = [full.events[n] for n in span.inputs]
        played = self._player.play(full.events[: span.first], inputs, span.stamp)
        judge = Judge(full, span, played, ignore_output=self._ignore_output)
        departure = judge.departure()
        if departure is not None:
            return departure, []
        return None, [*judge.warnings, *input_warnings(full, span, played)]


def _first(last: int, found: Departure, judge: Callable[[int], Departure | None]) -> Departure:
    """Halve the episodes: return the departure of one that departs while the one before it agrees."""
    agrees, departs, text = -1, last, found.text
    while departs - agrees > 1:
        middle = (agrees + departs) // 2
        departure = judge(middle)
        if departure is None:
            agrees = middle
        else:
            departs, found = middle, departure
    # What a host says comes from the replay of the whole history.
    return replace(found, text=found.text or text)


def _result(
    recording: Recording, full: Recording, departure: Departure | None, warnings: Sequence[str] = ()
) -> ReplayResult:
    kinds = {one["EventType"] for one in recording.events}
    notes = list(full.notes)
    if departure is not None and full.doubtful:
        notes.append(
            "the departure may come from a result that was given to another call; an export would tell"
        )
    return ReplayResult(
        source=recording.source,
        name=recording.name,
        instance_id=recording.instance_id,
        events=len(recording.events),
        finished=bool(kinds & {EventType.ExecutionCompleted, EventType.ExecutionTerminated}),
        departure=departure,
        warnings=list(warnings),
        notes=notes,
    )

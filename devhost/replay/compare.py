"""Compare one replayed episode with the recorded one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from devhost import jsontext
from devhost.engine.models import RuntimeStatus
from devhost.orchestration.actions import Command
from devhost.orchestration.decision import Decision
from devhost.orchestration.history import Event, EventType
from devhost.replay import describe
from devhost.replay.episodes import COMMANDS, Span
from devhost.replay.player import Played, interpreted
from devhost.replay.recording import Recording
from devhost.replay.result import Departure
from devhost.replay.trace import Position

__all__ = ["Judge", "input_warnings"]

_NON_DETERMINISTIC = "Non-Deterministic workflow detected"


class Judge:
    """Says where one episode departs. Outputs that may differ are told in ``warnings``."""

    def __init__(self, full: Recording, span: Span, played: Played, *, ignore_output: bool):
        self.warnings: list[str] = []
        self._full = full
        self._span = span
        self._played = played
        self._ignore_output = ignore_output

    def departure(self) -> Departure | None:
        """Return the first difference, None when the episode is as recorded."""
        before = self._of_history()
        if before is not None or not self._span.closed:
            return before
        if self._was_refused():
            return None
        return self._of_requests() or self._of_commands() or self._of_completion()

    def _was_refused(self) -> bool:
        """Tell whether the recorded end is the host's refusal of something that the code still asks for."""
        if self._span.completion is None:
            return False
        text = self._full.events[self._span.completion].get("Result")
        asked = [one for one in self._played.produced if one["EventType"] in COMMANDS]
        return isinstance(text, str) and any(
            f"The function '{one.get('Name')}' doesn't exist" in text for one in asked
        )

    # -- commands that the history has before this episode

    def _of_history(self) -> Departure | None:
        played = self._played
        if played.reply is None or not _non_deterministic(played.decision):
            return None
        events = played.events
        number = _least(len(events), lambda n: _non_deterministic(interpreted(played, events[:n]))) - 1
        recorded, known = events[number], interpreted(played, events[:number])
        text = played.decision.completion.result if played.decision.completion else None
        asked = next((one for one in known.commands if one.id == recorded["EventId"]), None)
        now, position = describe.outcome(None, played.trace), played.trace.end
        if asked is not None:
            now = describe.wanted(_as_event(asked))
            position = self._line(recorded["EventId"], events[:number])
        return self._departure(number, describe.wanted(recorded), now, position, text)

    def _of_requests(self) -> Departure | None:
        """Compare what was asked of entities: the framework does not, but the answer is that of another
        operation.
        """
        played = self._played
        for number, recorded in enumerate(played.events):
            if recorded["EventType"] != EventType.EventSent or played.reply is None:
                continue
            before = played.events[:number]
            asked = next(
                (one for one in interpreted(played, before).commands if one.id == recorded["EventId"]), None
            )
            if asked is not None and not _same(recorded, _as_event(asked)):
                line = self._line(recorded["EventId"], before)
                now = describe.wanted(_as_event(asked))
                return self._departure(number, describe.wanted(recorded), now, line)
            if asked is not None:
                self._note_input(number, recorded, asked)
        return None

    def _note_input(self, number: int, recorded: Event, asked: Command) -> None:
        """Warn of another input of an entity operation."""
        then, now = describe.sent(recorded).get("input"), (asked.request or {}).get("input")
        if _value(then) != _value(now):
            self.warnings.append(
                f"{self._place(number)} {describe.wanted(recorded)}: the input differs: history has "
                f"{describe.short(_value(then))}, the code now gives {describe.short(_value(now))}"
            )

    # -- commands of this episode

    def _of_commands(self) -> Departure | None:
        recorded = {self._full.events[n]["EventId"]: n for n in self._span.commands}
        asked = {one["EventId"]: one for one in self._played.produced if one["EventType"] in COMMANDS}
        for number in sorted(recorded.keys() | asked.keys()):
            place, now = recorded.get(number), asked.get(number)
            if place is None:
                assert now is not None
                return self._unrecorded(now)
            if now is None:
                ended = self._played.completion
                text = describe.outcome(ended, self._played.trace)
                there = describe.wanted(self._full.events[place])
                return self._departure(place, there, text, self._played.trace.end)
            if not _same(self._full.events[place], now):
                there, text = describe.wanted(self._full.events[place]), describe.wanted(now)
                return self._departure(place, there, text, self._line(number, self._played.events))
        return None

    def _unrecorded(self, now: Event) -> Departure:
        """The code asks for something where the history has no more commands."""
        place = self._span.completion
        if place is not None:
            there = describe.completion(self._full.events[place])
        else:
            place = self._span.commands[-1] if self._span.commands else self._span.inputs[-1]
            there = "nothing more after this event in that episode"
        return self._departure(
            place, there, describe.wanted(now), self._line(now["EventId"], self._played.events)
        )

    # -- the end

    def _of_completion(self) -> Departure | None:
        place, now = self._span.completion, self._played.completion
        end = self._played.trace.end
        if place is None:
            if now is None:
                return None
            last = (self._span.commands or self._span.inputs)[-1]
            return self._departure(
                last, "the instance goes on after this event", describe.completion(now), end
            )
        recorded = self._full.events[place]
        if now is None:
            text = describe.outcome(None, self._played.trace)
            return self._departure(place, describe.completion(recorded), text, end)
        if recorded.get("OrchestrationStatus") == now["OrchestrationStatus"]:
            if _result(recorded) == _result(now):
                return None
            if self._ignore_output or self._full.doubtful:
                self._note_output(place, recorded, now)
                return None
        return self._departure(place, describe.completion(recorded), describe.completion(now), end)

    def _note_output(self, place: int, recorded: Event, now: Event) -> None:
        given = describe.short(now.get("Result"))
        self.warnings.append(
            f"{self._place(place)}: the output differs: history has "
            f"{describe.short(recorded.get('Result'))}, the code now gives {given}"
        )

    # -- helpers

    def _place(self, number: int) -> str:
        return f"{self._full.label}[{self._full.places[number]}]"

    def _departure(
        self, number: int, recorded: str, now: str, position: Position | None, text: str | None = None
    ) -> Departure:
        one = self._full.events[number]
        return Departure(
            index=self._full.places[number],
            label=self._full.label,
            kind=EventType(one["EventType"]).name,
            name=describe.event_name(one),
            time=one["Timestamp"],
            recorded=recorded,
            now=now,
            position=position,
            text=text,
        )

    def _line(self, number: int, events: list[Event]) -> Position | None:
        """Return the line that asked for the command with an id: the first action without which it is
        missing.
        """
        played = self._played
        if played.reply is None:
            return played.trace.end
        least = _least(
            len(played.reply.actions),
            lambda n: any(one.id == number for one in interpreted(played, events, n).commands),
        )
        return played.trace.action(least - 1) or played.trace.end


def _least(most: int, holds: Callable[[int], bool]) -> int:
    """Return the least number from 1 to ``most`` for which ``holds`` is true; it is true for ``most``."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _non_deterministic(decision: Decision) -> bool:
    end = decision.completion
    return (
        end is not None
        and end.status is RuntimeStatus.FAILED
        and (end.result or "").startswith(_NON_DETERMINISTIC)
    )


def _as_event(command: Command) -> Event:
    return {
        "EventType": command.kind,
        "Name": command.name,
        "FireAt": command.fire_at,
        "InstanceId": command.target,
        "Input": jsontext.encode(command.request) if command.request else None,
    }


def _same(recorded: Event, now: Event) -> bool:
    """Tell whether two command events ask for the same thing: kind and name, ignoring case.

    Of entities also the operation counts: the framework does not compare it, but its answer is another one.
    """
    if recorded["EventType"] != now["EventType"]:
        return False
    if recorded["EventType"] == EventType.TimerCreated:
        return True
    return (describe.event_name(recorded) or "").lower() == (describe.event_name(now) or "").lower()


def _result(one: Event) -> Any:
    text = one.get("Result")
    if one["OrchestrationStatus"] != RuntimeStatus.COMPLETED:
        # Our own stack trace, whose lines move with every change of the code, is no part of the failure.
        return (text or "").split("\nStack:", 1)[0]
    return jsontext.value_or_string(text)


def input_warnings(full: Recording, span: Span, played: Played) -> list[str]:
    """Return differences that no host notices: inputs (where the history has them) and times of timers."""
    if played.reply is None:
        return []
    outside = [one for one in played.events if one["EventType"] not in COMMANDS - {EventType.EventSent}]
    asked = {one.id: one for one in interpreted(played, outside).commands}
    warnings = []
    for number in range(span.end):
        one = full.events[number]
        command = asked.get(one["EventId"]) if one["EventType"] in COMMANDS else None
        if command is None or command.kind != one["EventType"]:
            continue
        place = f"{full.label}[{full.places[number]}] {describe.wanted(one)}"
        if one["EventType"] == EventType.TimerCreated:
            if not full.folded and one["FireAt"] != command.fire_at:
                warnings.append(f"{place}: the code now asks for {command.fire_at}")
            continue
        then, now = _inputs(one, command)
        if one.get("Input") is not None and then != now:
            warnings.append(
                f"{place}: the input differs: history has {describe.short(then)}, "
                f"the code now gives {describe.short(now)}"
            )
    return warnings


def _inputs(recorded: Event, asked: Command) -> tuple[Any, Any]:
    """What was given then and is given now. That of an entity operation stands within its request."""
    if recorded["EventType"] == EventType.EventSent:
        return _value(describe.sent(recorded).get("input")), _value((asked.request or {}).get("input"))
    return _value(recorded.get("Input")), _wrapped(asked)


def _value(text: Any) -> Any:
    """Parse an input as far as it is JSON inside of JSON; an activity's stands in an array of one."""
    value = text
    while isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            break
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return _value(value[0])
    return value


def _wrapped(command: Command) -> Any:
    return _value(command.input)

"""Steps of orchestrations whose worker process dies: at a point that a test names, or by chance."""

from __future__ import annotations

import json
from collections.abc import Callable

from devhost.engine.ports import NoReply, Runner, WorkerLost
from devhost.orchestration.history import EventType
from devhost.workers.pool import exit_text

__all__ = ["FATES", "LostSteps"]

FATES = ("before", "after", "half")
_COMMANDS = frozenset(
    (
        EventType.TaskScheduled,
        EventType.TimerCreated,
        EventType.SubOrchestrationInstanceCreated,
        EventType.EventSent,
    )
)
_KILLED = WorkerLost(exit_text(-9))


class LostSteps:
    """A runner around another one, which counts the steps of orchestrations and loses some.

    ``chance`` is asked at each step, of an entity too, with the function's name: None lets it be, ``before``
    and ``after`` lose it before or after its code has run.
    """

    def __init__(self, inner: Runner, chance: Callable[[str], str | None]):
        self.count = 0
        self.submit_activity = inner.submit_activity
        self._inner = inner
        self._chance = chance
        self._wanted: list[tuple[int, str]] = []

    def lose(self, at: int, when: str) -> None:
        """Lose the step with the number ``at``. Raises ValueError when it is over."""
        if when not in FATES:
            raise ValueError(f"when is 'before', 'after' or 'half', not {when!r}")
        if at <= self.count:
            raise ValueError(f"step {at} is over: {self.count} have been run")
        self._wanted.append((at, when))

    def run_orchestrator(self, function_name: str, context_json: str) -> str:
        """Run one replay, or lose it."""
        self.count += 1
        fate = self._wanted_fate(context_json) or self._chance(function_name)
        return self._run(self._inner.run_orchestrator, function_name, context_json, fate)

    def run_entity(self, function_name: str, batch_json: str) -> str:
        """Run one batch of operations, or lose it."""
        fate = self._chance(function_name)
        return self._run(self._inner.run_entity, function_name, batch_json, fate)

    def _run(self, run: Callable[[str, str], str], function: str, text: str, fate: str | None) -> str:
        if fate == "before":
            raise NoReply(_KILLED)
        try:
            reply = run(function, text)
        except Exception as error:
            if fate is None:
                raise
            raise NoReply(_KILLED) from error
        if fate is not None:
            raise NoReply(_KILLED)
        return reply

    def _wanted_fate(self, context_json: str) -> str | None:
        for wanted in self._wanted:
            at, when = wanted
            due = _has_scheduled(context_json) if when == "half" else self.count == at
            if due and self.count >= at:
                self._wanted.remove(wanted)
                return when
        return None


def _has_scheduled(context_json: str) -> bool:
    """Tell whether a history names something that an empty reply does not."""
    return any(one["EventType"] in _COMMANDS for one in json.loads(context_json)["history"])

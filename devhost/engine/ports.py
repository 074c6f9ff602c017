"""What the engine needs from the rest of the host: someone who runs functions, and who knows their names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

__all__ = [
    "ActivityError",
    "ActivityOutcome",
    "Catalog",
    "NoReply",
    "NotStarted",
    "Runner",
    "StepKind",
    "StepRunner",
    "TimedOut",
    "WorkerLost",
]


@dataclass(frozen=True)
class ActivityError:
    """Why a function failed: ``message`` is ``ValueError: boom``, ``traceback`` the formatted traceback."""

    message: str
    traceback: str = ""


@dataclass(frozen=True)
class WorkerLost(ActivityError):
    """The worker process ended while it had the function. Nobody knows how far that had come."""


@dataclass(frozen=True)
class NotStarted(ActivityError):
    """No worker process was there to run the function: nothing of it has run."""


@dataclass(frozen=True)
class TimedOut(ActivityError):
    """The function ran longer than functionTimeout allows."""


class NoReply(Exception):
    """A step of an orchestration or entity came to no reply of the SDK; ``error`` says why.

    It is a WorkerLost, a TimedOut or a NotStarted.
    """

    def __init__(self, error: ActivityError):
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True)
class ActivityOutcome:
    """The end of one activity: ``result`` is JSON text (None means null) unless ``error`` is set."""

    result: str | None = None
    error: ActivityError | None = None


class Runner(Protocol):
    """Calls functions of the app. Function names are those of the app, not durable names."""

    def run_orchestrator(self, function_name: str, context_json: str) -> str:
        """Run one replay and return the reply of the SDK; raises what the wrapped function raises.

        Raises NoReply when a worker process was to run it and did not. Called in the engine's thread.
        """
        ...

    def run_entity(self, function_name: str, batch_json: str) -> str:
        """Run one batch of operations and return the reply of the SDK, as `run_orchestrator` does."""
        ...

    def submit_activity(
        self, function_name: str, input_json: str, done: Callable[[ActivityOutcome], None]
    ) -> None:
        """Start an activity without blocking; ``done`` is called exactly once, from any thread.

        A worker that dies is reported as an ActivityError too. A runner may run the activity at once and call
        ``done`` before it returns: that gives tests a fixed order.
        """
        ...


class StepKind(StrEnum):
    """What a step is a step of."""

    ORCHESTRATOR = "orchestrator"
    ENTITY = "entity"


class StepRunner(Protocol):
    """Runs steps of orchestrations and entities elsewhere, while the engine goes on."""

    def submit_step(
        self, kind: StepKind, function_name: str, text: str, done: Callable[[ActivityOutcome], None]
    ) -> None:
        """Start a step without blocking; ``text`` is what `Runner` would be given.

        ``done`` is called exactly once, from any thread: with the reply of the SDK, or with an error. When
        nothing was replied at all, that is a WorkerLost, a TimedOut or a NotStarted.
        """
        ...


class Catalog(Protocol):
    """The durable functions of the app. Names are looked up without regard to case."""

    def orchestrator(self, name: str) -> str | None:
        """Return the function name of the orchestrator with this durable name, None when there is none."""
        ...

    def activity(self, name: str) -> str | None:
        """Return the function name of the activity with this durable name, None when there is none."""
        ...

    def entity(self, name: str) -> str | None:
        """Return the function name of the entity with this durable name, None when there is none."""
        ...

    def known_orchestrators(self) -> list[str]:
        """Return the durable names of all orchestrators, sorted."""
        ...

    def known_activities(self) -> list[str]:
        """Return the durable names of all activities, sorted."""
        ...

    def known_entities(self) -> list[str]:
        """Return the durable names of all entities, sorted."""
        ...

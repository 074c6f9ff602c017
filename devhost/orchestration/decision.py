"""What an episode of an orchestration leads to: commands, or the end of the execution. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field

from devhost.engine.models import RuntimeStatus
from devhost.orchestration.actions import Command
from devhost.orchestration.history import Event

__all__ = ["Completion", "Decision", "OrchestrationError", "details", "failed", "failure_text"]


class OrchestrationError(Exception):
    """The orchestration asks for something impossible; the text ends up in its output."""


@dataclass(frozen=True)
class Completion:
    """The end of an execution. ``result`` is JSON text, or plain text for failures and termination reasons.

    ``status`` CONTINUED_AS_NEW: ``result`` is the next input and ``carried`` the events to take along.
    ``details`` goes to the parent of a failed sub-orchestration.
    """

    status: RuntimeStatus
    result: str | None = None
    details: str | None = None
    carried: list[Event] = field(default_factory=list)


@dataclass(frozen=True)
class Decision:
    """What one episode leads to.

    ``commands`` are new, in the order of their ids; ``cancelled`` are the ids of all timers that need not
    fire; ``next_id`` is free. ``custom_status`` is JSON text or None, which clears it: each replay sets the
    status anew. It counts only when ``sets_custom_status`` is true.
    """

    commands: list[Command]
    cancelled: set[int]
    next_id: int
    suspended: bool = False
    custom_status: str | None = None
    sets_custom_status: bool = False
    completion: Completion | None = None


def failure_text(orchestrator: str, error: str) -> str:
    """Return the output of a failed instance."""
    return f"Orchestrator function '{orchestrator}' failed: {error}"


def details(error: str, stack: str = "") -> str:
    """Return the ``Details`` that the parent of a failed sub-orchestration gets."""
    return f"Message: {error}, StackTrace: {stack}"


def failed(orchestrator: str, error: str, stack: str = "") -> Completion:
    """Return the end of an orchestration that failed with an error text."""
    return Completion(RuntimeStatus.FAILED, failure_text(orchestrator, error), details(error, stack))

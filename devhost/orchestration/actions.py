"""The reply of an orchestrator call, read and checked; and the commands that it leads to. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

__all__ = [
    "HTTP_ACTIVITY",
    "ActionType",
    "Command",
    "InvalidReply",
    "Reply",
    "failure_part",
    "parse_failure",
    "parse_reply",
]

# The name under which the Durable extension runs a durable HTTP call.
HTTP_ACTIVITY = "BuiltIn::HttpActivity"
_FAILURE_MARK = "\n\n$OutOfProcData$:"


class ActionType(IntEnum):
    """Numbers of the actions in a reply (protocol 2.4)."""

    CallActivity = 0
    CallActivityWithRetry = 1
    CallSubOrchestrator = 2
    CallSubOrchestratorWithRetry = 3
    ContinueAsNew = 4
    CreateTimer = 5
    WaitForExternalEvent = 6
    CallEntity = 7
    CallHttp = 8
    SignalEntity = 9
    ScheduledSignalEntity = 10
    WhenAny = 11
    WhenAll = 12


class InvalidReply(Exception):
    """The orchestrator function answered something that is not a reply of the SDK, or broke inside it."""


@dataclass(frozen=True)
class Reply:
    """What one replay of the user's code came to: all actions of this execution so far, in order.

    ``output`` and ``custom_status`` are values; ``error`` is the text of the exception that ended the code.
    """

    is_done: bool
    actions: list[dict[str, Any]] = field(default_factory=list)
    output: Any = None
    error: str | None = None
    custom_status: Any = None


@dataclass(slots=True)
class Command:
    """Something that the orchestration wants from the world; ``kind`` is the EventType that records it.

    ``input`` is JSON text. ``target`` is the instance id of a sub-orchestration or entity, ``fire_at`` the
    text of a timer, ``request`` the message to an entity, ``due`` the time of a scheduled signal.
    """

    kind: int
    id: int
    name: str = ""
    input: str | None = None
    target: str = ""
    version: str | None = None
    fire_at: str = ""
    request: dict[str, Any] | None = None
    due: str | None = None
    cancelled: bool = False


def parse_reply(text: str) -> Reply:
    """Read the JSON text that the SDK returned. Raises InvalidReply."""
    try:
        state = json.loads(text)
    except (TypeError, ValueError) as error:
        raise InvalidReply(f"The orchestrator function did not return a JSON object: {error}") from error
    return _reply(state)


def failure_part(message: str) -> str | None:
    """Return the JSON text of the reply in the message of the SDK's exception; None when there is none in it.

    Searched from the right, since the text of the user's error may hold the same mark.
    """
    _, mark, tail = message.rpartition(_FAILURE_MARK)
    return tail if mark and _parsed(tail) is not None else None


def parse_failure(message: str) -> Reply | None:
    """Read the reply that the SDK puts into the message of an exception; None when there is none in it."""
    _, mark, tail = message.rpartition(_FAILURE_MARK)
    return _parsed(tail) if mark else None


def _parsed(text: str) -> Reply | None:
    try:
        return _reply(json.loads(text))
    except (ValueError, InvalidReply):
        return None


def _reply(state: Any) -> Reply:
    if not isinstance(state, dict):
        raise InvalidReply("The orchestrator function did not return a JSON object.")
    batches = state.get("actions") or []
    if len(batches) > 1:
        raise InvalidReply(f"The reply has {len(batches)} lists of actions; one is expected.")
    return Reply(
        is_done=bool(state.get("isDone")),
        actions=batches[0] if batches else [],
        output=state.get("output"),
        error=state.get("error") or None,
        custom_status=state.get("customStatus"),
    )

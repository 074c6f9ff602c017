"""Recorded events and what the code asks for now, in words. Pure."""

from __future__ import annotations

import json
from typing import Any

from devhost import jsontext
from devhost.orchestration.actions import HTTP_ACTIVITY
from devhost.orchestration.history import Event, EventType
from devhost.replay.trace import Trace

__all__ = ["completion", "event_name", "outcome", "short", "wanted"]

_LONGEST = 160


def short(value: Any) -> str:
    """Return a value as JSON text of bounded length, in one line."""
    text = " ".join((value if isinstance(value, str) else jsontext.dumps(value)).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def event_name(one: Event) -> str | None:
    """Return the name that an event goes by: of its function, or of what was raised or asked of an entity."""
    if one["EventType"] == EventType.EventSent:
        request = sent(one)
        return f"{request.get('op')} on {one.get('InstanceId')}"
    return one.get("Name") or one.get("FunctionName")


def sent(one: Event) -> dict[str, Any]:
    """Return the request in an EventSent; empty when it cannot be read."""
    try:
        request = json.loads(one["Input"])
    except (TypeError, ValueError):
        return {}
    return request if isinstance(request, dict) else {}


def wanted(one: Event) -> str:
    """Say what a command event, recorded or produced, asks for."""
    kind = EventType(one["EventType"])
    if kind is EventType.TaskScheduled:
        return "an HTTP call" if one["Name"] == HTTP_ACTIVITY else f"activity '{one['Name']}'"
    if kind is EventType.SubOrchestrationInstanceCreated:
        return f"sub-orchestration '{one['Name']}'"
    if kind is EventType.TimerCreated:
        return f"a timer for {one['FireAt']}"
    if kind is not EventType.EventSent:
        return kind.name
    verb = "a signal" if sent(one).get("signal") else "a call"
    return f"{verb} of the entity operation {event_name(one)}"


def completion(one: Event) -> str:
    """Say how an execution ended."""
    result = one.get("Result")
    shown = "" if result is None else f" with {short(result)}"
    if one["OrchestrationStatus"] == "ContinuedAsNew":
        return f"the orchestration continues as new{shown}"
    return f"the orchestration ends as {one['OrchestrationStatus']}{shown}"


def outcome(ended: Event | None, trace: Trace) -> str:
    """Say what the code does instead of something that it does not ask for."""
    if ended is not None:
        return completion(ended)
    return "nothing like that: it waits" if trace.waits else "nothing like that: it has ended"

"""Commands that cannot be carried out, and the text that the instance then fails with. Pure.

This is the one place where the host differs from the real one on purpose: there, an orchestration that calls
a function that does not exist stays Running for ever, without a word.
"""

from __future__ import annotations

from collections.abc import Iterable

from devhost.engine.ports import Catalog
from devhost.errors import RequestError, UnknownFunction
from devhost.orchestration.actions import HTTP_ACTIVITY, Command
from devhost.orchestration.history import EventType
from devhost.state.records import is_entity, split_entity_id

__all__ = ["refusal"]


def refusal(
    commands: Iterable[Command], catalog: Catalog, instance_id: str, parent_id: str | None
) -> str | None:
    """Return why one of the commands of an instance cannot be carried out, None when all of them can."""
    for command in commands:
        error = _unknown(command, catalog)
        if error is not None:
            return str(error)
        if command.kind == EventType.SubOrchestrationInstanceCreated:
            text = _bad_child(command.target, instance_id, parent_id)
            if text is not None:
                return text
    return None


def _unknown(command: Command, catalog: Catalog) -> RequestError | None:
    name = command.name
    if command.kind == EventType.TaskScheduled:
        if name != HTTP_ACTIVITY and catalog.activity(name) is None:
            return UnknownFunction("activity", name, catalog.known_activities())
    elif command.kind == EventType.SubOrchestrationInstanceCreated:
        if catalog.orchestrator(name) is None:
            return UnknownFunction("orchestrator", name, catalog.known_orchestrators())
    elif command.kind == EventType.EventSent and is_entity(command.target):
        entity = split_entity_id(command.target)[0]
        if catalog.entity(entity) is None:
            return UnknownFunction("entity", entity, catalog.known_entities())
    return None


def _bad_child(child_id: str, instance_id: str, parent_id: str | None) -> str | None:
    if is_entity(child_id):
        return "Orchestration instance ids must not start with @."
    if child_id == instance_id:
        return "The sub-orchestration cannot have the instance id of the orchestration that calls it."
    if child_id == parent_id:
        return "The sub-orchestration cannot have the instance id of its caller's parent."
    return None

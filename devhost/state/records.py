"""The rows of the state file as objects. Times are ticks, values JSON text (or plain text for reasons)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from devhost import timestamps
from devhost.engine.models import InstanceStatus, RuntimeStatus

__all__ = [
    "ActivityTask",
    "InstanceRecord",
    "StoredMessage",
    "TimerRecord",
    "entity_id",
    "is_entity",
    "split_entity_id",
]


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """One orchestration instance or entity. ``state`` is used by entities only."""

    instance_id: str
    execution_id: str
    name: str
    version: str | None
    status: RuntimeStatus
    input: str | None
    output: str | None
    custom_status: str | None
    created: int
    updated: int
    state: str | None = None

    def row(self) -> tuple[Any, ...]:
        """Return the columns in the order of the fields."""
        return (
            self.instance_id,
            self.execution_id,
            self.name,
            self.version,
            self.status.value,
            self.input,
            self.output,
            self.custom_status,
            self.created,
            self.updated,
            self.state,
        )

    def changed(self, **fields: Any) -> InstanceRecord:
        """Return a copy with some fields changed."""
        return replace(self, **fields)

    def shown(
        self, *, show_input: bool = True, history: list[dict[str, Any]] | None = None
    ) -> InstanceStatus:
        """Return what callers of the engine see."""
        return InstanceStatus(
            instance_id=self.instance_id,
            name=self.name,
            status=self.status,
            created=timestamps.to_datetime(self.created),
            updated=timestamps.to_datetime(self.updated),
            input=self.input if show_input else None,
            output=self.output,
            custom_status=self.custom_status,
            version=self.version,
            history=history,
        )


@dataclass(frozen=True, slots=True)
class ActivityTask:
    """One activity to run: ``name`` is its durable name, ``input`` the JSON text for the worker."""

    instance_id: str
    execution_id: str
    task_id: int
    name: str
    input: str | None


@dataclass(frozen=True, slots=True)
class TimerRecord:
    """One timer of an orchestration: made at ``created`` to fire at ``due``, both in ticks."""

    instance_id: str
    execution_id: str
    timer_id: int
    due: int
    created: int

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells this timer from all others."""
        return self.instance_id, self.execution_id, self.timer_id


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One row of the inbox; ``event`` is JSON text."""

    number: int
    instance_id: str
    execution_id: str | None
    due: int | None
    event: str


def entity_id(name: str, key: str) -> str:
    """Return the instance id of an entity; its name counts in lower case."""
    return f"@{name.lower()}@{key}"


def is_entity(instance_id: str) -> bool:
    """Tell whether an instance id is that of an entity."""
    return instance_id.startswith("@")


def split_entity_id(instance_id: str) -> tuple[str, str]:
    """Return name and key of an entity; the key may hold an ``@`` itself."""
    _, name, key = instance_id.split("@", 2)
    return name, key

"""What callers of the engine ask for and get back. Times are aware datetimes in UTC; values are JSON text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from devhost.jsontext import value_or_string

__all__ = [
    "EntityFilter",
    "EntityPage",
    "EntityStatus",
    "InstanceFilter",
    "InstanceStatus",
    "Page",
    "RuntimeStatus",
]


class RuntimeStatus(StrEnum):
    """The states of an instance, with the names that the HTTP API and the SDK use."""

    RUNNING = "Running"
    COMPLETED = "Completed"
    CONTINUED_AS_NEW = "ContinuedAsNew"
    FAILED = "Failed"
    CANCELED = "Canceled"
    TERMINATED = "Terminated"
    PENDING = "Pending"
    SUSPENDED = "Suspended"

    @property
    def finished(self) -> bool:
        """Tell whether an instance in this state takes no more messages."""
        return self in _FINISHED


_FINISHED = frozenset(
    (RuntimeStatus.COMPLETED, RuntimeStatus.FAILED, RuntimeStatus.CANCELED, RuntimeStatus.TERMINATED)
)


@dataclass(frozen=True)
class InstanceStatus:
    """One orchestration instance (or entity) as the store has it.

    ``input``, ``output`` and ``custom_status`` are raw texts: JSON, or plain text for failures and reasons,
    or None. ``history`` is the folded history of ``showHistory``, None when it was not asked for.
    """

    instance_id: str
    name: str
    status: RuntimeStatus
    created: datetime
    updated: datetime
    input: str | None = None
    output: str | None = None
    custom_status: str | None = None
    version: str | None = None
    history: list[dict[str, Any]] | None = None

    def payload(self) -> dict[str, Any]:
        """Return the JSON object that the management API answers (protocol 5.3)."""
        body: dict[str, Any] = {
            "name": self.name,
            "instanceId": self.instance_id,
            "runtimeStatus": self.status.value,
            "input": value_or_string(self.input),
            "customStatus": value_or_string(self.custom_status),
            "output": value_or_string(self.output),
            "createdTime": _seconds(self.created),
            "lastUpdatedTime": _seconds(self.updated),
        }
        if self.history is not None:
            body["historyEvents"] = self.history
        return body


@dataclass(frozen=True)
class InstanceFilter:
    """Which instances to list or to purge; everything given must hold. No ``statuses`` means any status.

    ``top`` is the page size (1 or more); ``token`` the continuation of an earlier Page.
    """

    created_from: datetime | None = None
    created_to: datetime | None = None
    statuses: tuple[RuntimeStatus, ...] = ()
    prefix: str | None = None
    show_input: bool = True
    top: int = 100
    token: str | None = None


@dataclass(frozen=True)
class Page:
    """One page of a listing in the order of instance ids; ``token`` is None on the last page."""

    instances: list[InstanceStatus]
    token: str | None = None


@dataclass(frozen=True)
class EntityStatus:
    """One entity: ``state`` is JSON text, None when it was not fetched or there is none."""

    name: str
    key: str
    last_operation: datetime
    state: str | None = None

    def payload(self) -> dict[str, Any]:
        """Return the JSON object of the entity listing (protocol 5.7)."""
        return {
            "entityId": {"name": self.name, "key": self.key},
            "lastOperationTime": _seconds(self.last_operation),
            "state": value_or_string(self.state),
        }


@dataclass(frozen=True)
class EntityFilter:
    """Which entities to list: by name, by the time of the last operation; paging as in InstanceFilter."""

    name: str | None = None
    last_operation_from: datetime | None = None
    last_operation_to: datetime | None = None
    fetch_state: bool = False
    top: int = 100
    token: str | None = None


@dataclass(frozen=True)
class EntityPage:
    """One page of entities; ``token`` is None on the last page."""

    entities: list[EntityStatus]
    token: str | None = None


def _seconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

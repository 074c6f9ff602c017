"""Messages that wait for the next step of an instance, in memory. Used by the engine's thread only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from devhost.history import COMPLETIONS

__all__ = ["Mailbox", "Mailboxes", "Message"]


@dataclass(slots=True)
class Message:
    """One message: a history event, or a request to an entity.

    ``execution_id`` None addresses the instance whatever its execution. ``number`` is the row of the inbox,
    None for what the store knows otherwise (activities and timers: their own tables bring them back).
    """

    event: dict[str, Any]
    execution_id: str | None = None
    number: int | None = None


@dataclass(slots=True)
class Mailbox:
    """The messages of one instance. ``since`` is when the first came, ``not_before`` when to look again."""

    messages: list[Message] = field(default_factory=list)
    completions: int = 0
    since: float = 0.0
    not_before: float = 0.0


class Mailboxes:
    """All mailboxes, in the order in which they became non-empty."""

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self._now = now
        self._ready: dict[str, Mailbox] = {}
        self._parked: dict[str, Mailbox] = {}

    def __len__(self) -> int:
        return len(self._ready)

    def put(self, instance_id: str, message: Message) -> None:
        """Add a message. A parked instance is looked at again: the message may be the one that ends it."""
        box = self._ready.get(instance_id)
        if box is None:
            box = self._parked.pop(instance_id, None) or Mailbox(since=self._now())
            self._ready[instance_id] = box
        box.messages.append(message)
        box.completions += message.event.get("EventType") in COMPLETIONS

    def ready(self) -> Iterator[tuple[str, Mailbox]]:
        """Return the mailboxes that hold something, the one that waits longest first."""
        return iter(self._ready.items())

    def take(self, instance_id: str) -> list[Message]:
        """Empty the mailbox of an instance, in the order of arrival."""
        box = self._ready.pop(instance_id, None)
        return box.messages if box else []

    def put_back(self, instance_id: str, messages: list[Message], seconds: float) -> None:
        """Return messages that could not be processed, to be tried again after a while."""
        newer = self.take(instance_id)
        for message in [*messages, *newer]:
            self.put(instance_id, message)
        if instance_id in self._ready:
            self._ready[instance_id].not_before = self._now() + seconds

    def park(self, instance_id: str, messages: list[Message]) -> None:
        """Keep messages for an instance that this host is not to run; they stay in the store as well."""
        self._parked.setdefault(instance_id, Mailbox()).messages.extend(messages)

    def forget(self, instance_id: str) -> None:
        """Drop the messages of an instance that is gone."""
        self._ready.pop(instance_id, None)
        self._parked.pop(instance_id, None)

"""Messages that wait for the next step of an instance, in memory. Used by the engine's thread only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from devhost.orchestration.history import COMPLETIONS

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
    """The messages of one instance. ``since`` is when the first came."""

    messages: list[Message] = field(default_factory=list)
    completions: int = 0
    since: float = 0.0


class Mailboxes:
    """All mailboxes, in the order in which they became non-empty."""

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self._now = now
        self._ready: dict[str, Mailbox] = {}
        self._parked: dict[str, Mailbox] = {}
        self._held: dict[str, Mailbox] = {}

    def __len__(self) -> int:
        return len(self._ready)

    def put(self, instance_id: str, message: Message) -> None:
        """Add a message. A parked instance is looked at again: the message may be the one that ends it."""
        box = self._held.get(instance_id) or self._ready.get(instance_id)
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

    def hold(self, instance_id: str, messages: list[Message]) -> None:
        """Return messages that could not be processed; newer ones join them, up to the `release`.

        Without messages it only holds back what comes from now on.
        """
        held = self._held.pop(instance_id, None)
        newer = self.take(instance_id)
        self._held[instance_id] = Mailbox(since=self._now())
        for message in [*messages, *(held.messages if held else ()), *newer]:
            self.put(instance_id, message)

    def release(self, instance_id: str) -> None:
        """Let an instance go on whose messages were held."""
        box = self._held.pop(instance_id, None)
        if box is not None and box.messages:
            self._ready[instance_id] = box

    def park(self, instance_id: str, messages: list[Message]) -> None:
        """Keep messages for an instance that this host is not to run; they stay in the store as well."""
        self._parked.setdefault(instance_id, Mailbox()).messages.extend(messages)

    def forget(self, instance_id: str) -> None:
        """Drop the messages of an instance that is gone."""
        for boxes in (self._ready, self._parked, self._held):
            boxes.pop(instance_id, None)

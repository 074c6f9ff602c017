"""One step of the engine: what it writes, and what may be told to the world once that is committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from devhost import jsontext
from devhost.engine.mailboxes import Message
from devhost.state.records import ActivityTask, InstanceRecord, TimerRecord
from devhost.state.store import Transaction

__all__ = ["Effects", "Work"]


@dataclass
class Effects:
    """What happens after the commit, and only then.

    Comes first: ``ended`` are executions whose activities and timers are dropped, ``gone`` are instances that
    were deleted, so that nothing of them may stay in memory. ``started`` are new instances, ``finished`` are
    those that reached an end, ``deferred`` are messages for a later time.
    """

    ended: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    started: list[InstanceRecord] = field(default_factory=list)
    messages: list[tuple[str, Message]] = field(default_factory=list)
    deferred: list[tuple[str, Message, int]] = field(default_factory=list)
    activities: list[ActivityTask] = field(default_factory=list)
    timers: list[TimerRecord] = field(default_factory=list)
    disarmed: list[tuple[str, str, int]] = field(default_factory=list)
    finished: list[InstanceRecord] = field(default_factory=list)


class Work:
    """A transaction together with its effects."""

    def __init__(self, transaction: Transaction, stamp: int):
        self.transaction = transaction
        self.effects = Effects()
        self.stamp = stamp

    def send(
        self, instance_id: str, event: dict[str, Any], execution_id: str | None = None, due: int | None = None
    ) -> None:
        """Put a message into an inbox. With ``due`` (ticks) it is delivered then, not now."""
        number = self.transaction.add_message(instance_id, execution_id, jsontext.encode(event), due)
        message = Message(event, execution_id, number)
        if due is None or due <= self.stamp:
            self.effects.messages.append((instance_id, message))
        else:
            self.effects.deferred.append((instance_id, message, due))

    def consume(self, messages: list[Message]) -> None:
        """Delete messages from the inbox."""
        numbers = [message.number for message in messages if message.number is not None]
        if numbers:
            self.transaction.delete_messages(numbers)

    def start_instance(self, record: InstanceRecord) -> None:
        """Write a new instance."""
        self.transaction.put_instance(record)
        self.effects.started.append(record)

    def end_execution(self, instance_id: str, *, something_open: bool = True) -> None:
        """Drop the open activities and timers of an execution that is over."""
        if something_open:
            self.transaction.delete_execution(instance_id)
        self.effects.ended.append(instance_id)

    def delete_instance(self, instance_id: str) -> None:
        """Delete an instance with all that belongs to it."""
        self.transaction.delete_instance(instance_id)
        self.effects.gone.append(instance_id)
        self.effects.started = [one for one in self.effects.started if one.instance_id != instance_id]

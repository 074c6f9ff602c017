"""Queues in memory with the part of the storage client that the queue trigger uses. Time stands still."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import ResourceNotFoundError


@dataclass
class FakeMessage:
    """One message, as the client returns it."""

    id: str
    content: str
    dequeue_count: int = 0
    pop_receipt: str = ""
    inserted_on: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    expires_on: datetime = datetime(2024, 1, 8, tzinfo=UTC)
    next_visible_on: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    hidden: int = 0


@dataclass
class FakeQueues:
    """An account. ``queues`` maps names to messages; a name that is not there is no queue."""

    queues: dict[str, list[FakeMessage]] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def get_queue_client(self, name: str) -> FakeQueue:
        """Return the client of a queue, which need not exist."""
        return FakeQueue(self, name)

    def put(self, name: str, content: str) -> None:
        """Put a message into a queue, which is made when it is missing."""
        self.queues.setdefault(name, []).append(FakeMessage(f"m{next(self.numbers)}", content))

    def contents(self, name: str) -> list[str]:
        """Return the texts of all messages of a queue, hidden or not."""
        return [message.content for message in self.queues.get(name, [])]


class FakeQueue:
    """One queue of the account."""

    def __init__(self, account: FakeQueues, name: str):
        self._account = account
        self._name = name

    def _messages(self) -> list[FakeMessage]:
        if self._name not in self._account.queues:
            raise ResourceNotFoundError("The specified queue does not exist.")
        return self._account.queues[self._name]

    async def receive_messages(
        self, *, messages_per_page: int, max_messages: int, visibility_timeout: int
    ) -> Any:
        """Yield visible messages and hide them."""
        visible = [message for message in self._messages() if not message.hidden][:max_messages]
        for message in visible:
            message.hidden = visibility_timeout
            message.dequeue_count += 1
            message.pop_receipt = f"r{next(self._account.numbers)}"
            yield message

    async def delete_message(self, message: FakeMessage) -> None:
        """Remove a message."""
        self._messages().remove(message)

    async def update_message(self, message: FakeMessage, *, visibility_timeout: int) -> FakeMessage:
        """Hide a message for longer, or show it."""
        message.hidden = visibility_timeout
        return message

    async def send_message(self, content: str) -> None:
        """Put a message into the queue."""
        self._messages()
        self._account.put(self._name, content)

    async def create_queue(self) -> None:
        """Make the queue."""
        self._account.queues.setdefault(self._name, [])

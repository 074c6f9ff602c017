"""What the host asks of a worker process, and what it gets back, whatever kind of function it is.

A kind is a name that both sides know: the host gives it to `WorkerPool.submit`, the process has a server for
it (`devhost.workers.serving`). What a kind needs beside the function's name and the body goes into ``more``,
which is JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from devhost.engine.ports import ActivityError
from devhost.workers.frames import Frame

__all__ = [
    "ACTIVITY",
    "Answer",
    "Answered",
    "Invocation",
    "Serve",
    "text_body",
    "text_of",
]

ACTIVITY = "activity"


@dataclass(frozen=True)
class Invocation:
    """One call of a function of the app. ``body`` is its input: JSON text for the durable kinds."""

    kind: str
    function: str
    body: bytes = b""
    more: Mapping[str, Any] = field(default_factory=dict)

    def frame(self, key: int) -> Frame:
        """Return the message that asks for it; ``key`` comes back with the answer."""
        head = {"id": key, "kind": self.kind, "function": self.function, "more": dict(self.more)}
        return Frame(head, self.body)

    @staticmethod
    def read(frame: Frame) -> tuple[int, Invocation]:
        """Return the key and the invocation of a message."""
        head = frame.head
        return head["id"], Invocation(head["kind"], head["function"], frame.body, head["more"])


@dataclass(frozen=True)
class Answer:
    """The end of an invocation: a body, or an error."""

    body: bytes = b""
    error: ActivityError | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def frame(self, key: int) -> Frame:
        """Return the message that tells it."""
        error = self.error
        told = {"error": error.message, "traceback": error.traceback} if error else {}
        return Frame({"id": key, "more": dict(self.more), **told}, self.body)

    @staticmethod
    def read(frame: Frame) -> tuple[int, Answer]:
        """Return the key and the answer of a message."""
        head = frame.head
        error = ActivityError(head["error"], head["traceback"]) if "error" in head else None
        return head["id"], Answer(frame.body, error, head["more"])


Answered = Callable[[Answer], None]
# Carries out an invocation, without blocking for long; the answer is given exactly once, from any thread.
Serve = Callable[[Invocation, Answered], None]


def text_body(text: str) -> bytes:
    """Return text as a body. Half a surrogate pair, which JSON may hold, survives."""
    return text.encode("utf-8", "surrogatepass")


def text_of(body: bytes) -> str:
    """Return the text of a body."""
    return body.decode("utf-8", "surrogatepass")

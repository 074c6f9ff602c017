"""What the API says and takes of signals."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from invoicing.records.answers.common import Time, Whole
from invoicing.records.base import Record


class SignalTaken(Record):
    """A signal that is stored."""

    kind: str
    key: Annotated[str, Field(description="In its one form: without spaces around it.")]
    id: Annotated[str, Field(description="The same one twice counts once.")]
    received: Annotated[Time, Field(description="When it came here first.")]
    waiting: Annotated[Whole, Field(description="Workflows that wait for it now; it is kept for others.")]


class RejectedEvent(Record):
    """An event that cannot be taken; `place` says which one."""

    place: str
    code: str
    message: str


class EventsTaken(Record):
    """What became of events that came together."""

    taken: Whole
    rejected: tuple[RejectedEvent, ...]


class ValidationAnswer(Record):
    """The answer to Event Grid's question whether it may send."""

    validationResponse: Annotated[str, Field(description="The code that was sent.")]

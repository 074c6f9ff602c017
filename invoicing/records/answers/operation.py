"""What the API says for those who run the app: runs that are not well, its health, and the outbox."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from invoicing.records.answers.common import Damaged, Time, Whole
from invoicing.records.base import Record
from invoicing.records.messages import MessageItem
from invoicing.records.supervision import CaseState


class Case(Record):
    """A run that failed or is gone while its work is not finished."""

    instance: str
    orchestrator: str
    state: Annotated[CaseState, Field(description="It runs again, waits for its next start, or is stuck.")]
    reason: str
    failed: Annotated[Time, Field(description="When it was first seen to have failed.")]
    restarts: Whole
    restarted: Annotated[Time | None, Field(description="When it was last started again.")]
    next: Annotated[Time | None, Field(description="When it is started again by itself.")]
    advice: Annotated[str, Field(description="What a person can do.")]


class Cases(Record):
    """Runs that are not well, the oldest failure first."""

    cases: tuple[Case, ...]


class Health(Record):
    """Whether what the app stands on answers: `ok`, `no answer`, or the kind of what is wrong."""

    status: Literal["ok", "degraded", "unavailable"]
    checks: dict[str, str]


class OutboxMessage(Record):
    """A message that no channel is set up for."""

    created: str
    id: str
    to: str
    to_name: str
    subject: str
    text: str
    html: str
    link: str
    items: Annotated[tuple[MessageItem, ...], Field(description="What it speaks of; a digest has several.")]


class Outbox(Record):
    """A page of messages, the newest first; `page`: the token of the next one."""

    messages: tuple[OutboxMessage, ...]
    damaged: Damaged
    page: str | None

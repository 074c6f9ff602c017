"""Sending messages: the orchestrations `deliver_notification` and `deliver_digest`, and their steps."""

from __future__ import annotations

from typing import Literal

from invoicing.records.base import Moment, Record, Step, optional
from invoicing.records.messages import Channel

DeliveryOutcome = Literal["sent", "failed", "obsolete"]
"""How sending ended; `obsolete`: it was not needed any more."""


class DeliveryTry(Record):
    """What became of one try; `again` asks for another one. `until`: when the last try is to be."""

    outcome: Literal["sent", "failed", "obsolete", "again"]
    until: Moment | None = optional()
    error: str | None = optional()


class Delivery(Record):
    """How sending ended, after so many tries."""

    outcome: DeliveryOutcome
    error: str | None = optional()
    attempts: int


class DeliveryProgress(Record):
    """The custom status while it is tried again."""

    attempts: int
    error: str


class NotificationJob(Record):
    """One message that goes out alone: its approval and its id."""

    approval: str
    notice: str


class NotificationTry(NotificationJob):
    """One try to send a message; `last`: no other one follows."""

    last: bool


NOTIFICATION = Step("deliver_notification", NotificationJob, Delivery)
SEND_NOTIFICATION = Step("send_notification", NotificationTry, DeliveryTry)


class DigestJob(Record):
    """The messages of one slot: when it ends, over which channel they go out, and to whom.

    `to` is empty where everybody reads the channel.
    """

    slot: str
    ends: Moment
    channel: Channel
    to: tuple[str, ...]

    @property
    def instance(self) -> str:
        """The instance that sends it: one for each slot."""
        return f"digest-{self.slot}"


class ClosedSlot(Record):
    """A slot that takes no more messages; `parts`: mails to send."""

    parts: int


class DigestPart(DigestJob):
    """One try to send a part of a digest: part `part` of `parts`, from 0. `last`: no other try follows."""

    parts: int
    part: int
    last: bool


class DigestResult(Record):
    """How a digest ended; `parts`: how many of its mails were sent, given up, or not needed any more."""

    outcome: Literal["completed", "failed"]
    parts: dict[DeliveryOutcome, int]
    error: str | None = optional()


DIGEST = Step("deliver_digest", DigestJob, DigestResult)
CLOSE_SLOT = Step("close_slot", DigestJob, ClosedSlot)
SEND_DIGEST = Step("send_digest", DigestPart, DeliveryTry)

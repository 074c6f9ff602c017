"""Messages to people: from the note that somebody has to be told, to the message as it was sent."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from invoicing.approval.gathering import Slot, Wish
from invoicing.records.base import Moment, Record

Channel = Literal["mail", "teams", "outbox"]
"""How a message goes out; `outbox`: it is left in the storage, where no channel is set up."""

MessageKind = Literal["request", "reminder", "escalation", "expired", "question", "answer", "decided"]
"""What a message is about."""

NoticeState = Literal["queued", "retrying", "sent", "failed", "obsolete"]
"""`queued`: not tried yet. `failed`: given up. `obsolete`: no longer needed when it could have been sent."""

#: How long a message is tried; after that it would come as a surprise rather than as news.
PATIENCE = timedelta(days=2)


class InvoiceLine(Record):
    """What one line of a message says of an invoice; `findings`: how many, `sha256`: of its document.

    Supplier, number and day of payment are a stranger's words, cut to a length.
    """

    supplier: str = ""
    number: str = ""
    amount: str | None = None
    currency: str | None = None
    due: str | None = None
    findings: int = 0
    sha256: str = ""

    @property
    def due_date(self) -> date | None:
        """When it is to be paid; None where the invoice says nothing that is a day."""
        try:
            return date.fromisoformat(self.due) if self.due else None
        except ValueError:
            return None


class Notice(Record):
    """One message over one channel, and what became of it.

    `id`: `n` and 24 hex digits, also the instance that sends it alone. `entry`: the entry of the ledger that
    it tells of. `to`: persons. `slot`: with which others it goes out (None: at once and alone). `attempts`:
    how often it was tried. `created`, `at`: of its making and of the last attempt.
    """

    id: str
    approval: str
    entry: int
    kind: MessageKind
    stage: str
    channel: Channel
    to: tuple[str, ...]
    created: Moment
    deadline: Moment | None = None
    author: str = ""
    comment: str = ""
    outcome: str = ""
    line: InvoiceLine = InvoiceLine()
    slot: Slot | None = None
    state: NoticeState = "queued"
    attempts: int = 0
    error: str | None = None
    at: Moment | None = None

    @property
    def goes_out(self) -> datetime:
        """When it is sent first."""
        return self.slot.ends if self.slot else self.created

    def changed(self, **values: Any) -> Notice:
        """The same message with other values; any field of it, hence `Any`."""
        return self.model_copy(update=values)


def notice_id(approval: str, entry: int, kind: str, channel: str, to: tuple[str, ...]) -> str:
    """The id of a message: the same entry, channel and persons give the same one."""
    text = json.dumps([approval, entry, kind, channel, to])
    return "n" + hashlib.sha256(text.encode()).hexdigest()[:24]


class SlotMembers(Record):
    """The ids of the messages of a closed slot, or of a part of it that was sent."""

    notices: tuple[str, ...]


class DigestFailure(Record):
    """Why a digest could not be sent so far: how often it was tried, and the last error."""

    attempts: int
    error: str
    at: Moment


class StatedWish(Record):
    """What somebody said about how they want messages, and when."""

    who: str
    messages: Wish
    said: Moment


@dataclass(frozen=True)
class MessageItem:
    """One approval that a message speaks of: what kind of news of it, in words, and the page to open."""

    approval: str
    kind: str
    title: str
    link: str


@dataclass(frozen=True)
class Message:
    """A message to one person, ready to be sent; `link` is the address that it asks the person to open.

    `id` is the same each time the message is tried, so that whoever gets it twice can tell. A digest has more
    than one item.
    """

    id: str
    to: str
    to_name: str
    subject: str
    text: str
    html: str
    link: str
    items: tuple[MessageItem, ...] = ()


@dataclass(frozen=True)
class OutboxMessage(Message):
    """A message in the outbox, and when it was left there (ISO time)."""

    created: str = ""

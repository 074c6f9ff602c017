"""What became of each message of an approval: one small blob per message and channel.

They are kept apart from the ledger, which holds decisions only: a mail server that is down must not be able
to stand in a decision's way.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from invoicing.approval import names
from invoicing.approval.gathering import Slot
from stores import records
from stores.blobs import BlobInfo, BlobMissing, Blobs
from stores.records import Listed

State = Literal["queued", "retrying", "sent", "failed", "obsolete"]

#: How long a message is tried; after that it would come as a surprise rather than as news.
PATIENCE = timedelta(days=2)

_LONGEST_NAME = 100


class InvoiceLine(BaseModel):
    """What one line of a message says of an invoice; `findings`: how many, `sha256`: of its document."""

    model_config = ConfigDict(frozen=True)

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


class Notice(BaseModel):
    """One message over one channel.

    `id`: `n` and 24 hex digits, also the instance that sends it alone. `entry`: the entry of the ledger that
    it tells of. `to`: persons. `slot`: with which others it goes out (None: at once and alone). `state`:
    `queued` (not tried yet), `retrying`, `sent`, `failed` (given up), `obsolete` (no longer needed when it
    could have been sent). `attempts`: how often it was tried. `created`, `at`: of its making and of the last
    attempt.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    approval: str
    entry: int
    kind: str
    stage: str
    channel: str
    to: tuple[str, ...]
    created: datetime
    deadline: datetime | None = None
    author: str = ""
    comment: str = ""
    outcome: str = ""
    line: InvoiceLine = InvoiceLine()
    slot: Slot | None = None
    state: State = "queued"
    attempts: int = 0
    error: str | None = None
    at: datetime | None = None

    @property
    def goes_out(self) -> datetime:
        """When it is sent first."""
        return self.slot.ends if self.slot else self.created

    def changed(self, **values: Any) -> Notice:
        """The same message with other values."""
        return self.model_copy(update=values)


_NOTICE = TypeAdapter(Notice)


def notice_id(approval: str, entry: int, kind: str, channel: str, to: tuple[str, ...]) -> str:
    """The id of a message: the same entry, channel and persons give the same one."""
    text = json.dumps([approval, entry, kind, channel, to])
    return "n" + hashlib.sha256(text.encode()).hexdigest()[:24]


def line_of(request: dict[str, Any]) -> InvoiceLine:
    """What a line says of the invoice that an approval's request is about."""
    row = request.get("row") or {}
    invoice = row.get("invoice") or {}

    return InvoiceLine(
        supplier=(invoice.get("seller") or "")[:_LONGEST_NAME],
        number=(invoice.get("number") or "")[:_LONGEST_NAME],
        amount=invoice.get("payable"),
        currency=invoice.get("currency"),
        due=invoice.get("due_date"),
        findings=len(row.get("findings") or ()),
        sha256=request["document"]["sha256"],
    )


def create(blobs: Blobs, notice: Notice) -> None:
    """Note a message that was not noted before. Raises BlobConflict."""
    blobs.create(names.notification(notice.approval, notice.id), to_bytes(notice))


def read(blobs: Blobs, approval: str, notice: str) -> Notice:
    """One message. Raises BlobMissing and RecordDamaged."""
    name = names.notification(approval, notice)
    return from_json(name, blobs.read(name))


def write(blobs: Blobs, notice: Notice) -> None:
    """Keep a message's state, over the one from before."""
    blobs.write(names.notification(notice.approval, notice.id), to_bytes(notice))


def of_approval(blobs: Blobs, approval: str) -> Listed[Notice]:
    """All messages of an approval, in the order they were made, with the ids of those that cannot be read."""

    def read(blob: BlobInfo) -> Notice | None:
        try:
            return from_json(blob.name, blobs.read(blob.name))
        except BlobMissing:
            return None  # an operator deleted it between the listing and now

    start = names.notifications(approval)
    listed = records.each(blobs.list(start), read)
    damaged = [name.removeprefix(start).removesuffix(".json") for name in listed.damaged]
    return Listed(sorted(listed.found, key=lambda notice: (notice.created, notice.entry, notice.id)), damaged)


def to_bytes(notice: Notice) -> bytes:
    """A message's state as JSON."""
    return notice.model_dump_json().encode()


def from_json(name: str, data: bytes | str) -> Notice:
    """The message that is stored as `data` under `name`. Raises RecordDamaged."""
    return records.from_json(_NOTICE, name, data)

"""What became of each message of an approval: one small blob per message and channel.

They are kept apart from the ledger, which holds decisions only: a mail server that is down must not be able
to stand in a decision's way.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from adapters import records
from adapters.blobs import BlobInfo, BlobMissing, Blobs
from adapters.records import Listed
from invoicing.approval import names

State = Literal["queued", "retrying", "sent", "failed", "obsolete"]


@dataclass(frozen=True)
class Notice:
    """One message over one channel.

    `id`: `n` and 24 hex digits, also the instance that sends it. `to`: persons. `state`: `queued` (not tried
    yet), `retrying`, `sent`, `failed` (given up), `obsolete` (no longer needed when it could have been sent).
    `attempts`: how often it was tried. `created`, `at`: ISO times of its making and of the last attempt.
    `details`: what its sender needs besides (deadline, outcome).
    """

    id: str
    approval: str
    kind: str
    stage: str
    channel: str
    to: tuple[str, ...]
    created: str
    state: State = "queued"
    attempts: int = 0
    error: str | None = None
    at: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


_NOTICE = TypeAdapter(Notice)


def notice_id(job: dict[str, Any], channel: str, to: tuple[str, ...]) -> str:
    """The id of a message: the same occasion, channel and persons give the same one."""
    occasion = {name: value for name, value in job.items() if name != "to"}
    text = json.dumps([occasion, channel, to], sort_keys=True)
    return "n" + hashlib.sha256(text.encode()).hexdigest()[:24]


def blob_name(approval: str, notice: str) -> str:
    """The blob that keeps a message's state."""
    return f"{prefix(approval)}{notice}.json"


def prefix(approval: str) -> str:
    """Where the states of an approval's messages are."""
    return f"{names.APPROVALS}{approval}/notifications/"


def read(blobs: Blobs, approval: str, notice: str) -> Notice:
    """One message. Raises BlobMissing and RecordDamaged."""
    name = blob_name(approval, notice)
    return records.from_json(_NOTICE, name, blobs.read(name))


def write(blobs: Blobs, notice: Notice) -> None:
    """Keep a message's state, over the one from before."""
    blobs.write(blob_name(notice.approval, notice.id), to_bytes(notice))


def to_bytes(notice: Notice) -> bytes:
    """A message's state as JSON."""
    return json.dumps(asdict(notice), ensure_ascii=False).encode()


def of_approval(blobs: Blobs, approval: str) -> Listed[Notice]:
    """All messages of an approval, in the order they were made, with the ids of those that cannot be read."""

    def read(blob: BlobInfo) -> Notice | None:
        try:
            return records.from_json(_NOTICE, blob.name, blobs.read(blob.name))
        except BlobMissing:
            return None  # retention removed it between the listing and now

    start = prefix(approval)
    listed = records.each(blobs.list(start), read)
    damaged = [name.removeprefix(start).removesuffix(".json") for name in listed.damaged]
    return Listed(sorted(listed.found, key=lambda notice: (notice.created, notice.id)), damaged)

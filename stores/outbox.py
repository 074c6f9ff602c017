"""The outbox: messages as blobs, where no channel is set up. In local runs a page shows them."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime

from pydantic import TypeAdapter

from invoicing.records.messages import Message, OutboxMessage
from stores import records
from stores.blobs import BlobInfo, BlobMissing, Blobs
from stores.naming import newest_first
from stores.records import Listed

PREFIX = "outbox/"

_MESSAGE = TypeAdapter(OutboxMessage)


def blob_name(message: str, created: datetime) -> str:
    """The blob of a message; the newest sorts first."""
    return f"{PREFIX}{newest_first(created)}-{message}.json"


def put(blobs: Blobs, message: Message, created: datetime) -> None:
    """Leave a message in the outbox; the same one again changes nothing."""
    body = {"created": created.isoformat(), **asdict(message)}
    blobs.write(blob_name(message.id, created), json.dumps(body, ensure_ascii=False).encode())


def messages(
    blobs: Blobs, top: int = 50, page: str | None = None
) -> tuple[Listed[OutboxMessage], str | None]:
    """Messages, the newest first, and the token of the next page (None: these were the last).

    Of messages that cannot be read there is the name of the blob.
    """

    def read(blob: BlobInfo) -> OutboxMessage | None:
        try:
            return records.from_json(_MESSAGE, blob.name, blobs.read(blob.name))
        except BlobMissing:
            return None  # an operator deleted it between the listing and now

    found = blobs.page(PREFIX, top, page)
    return records.each(found.blobs, read), found.next_token

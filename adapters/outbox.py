"""The outbox: messages as blobs, where no channel is set up. In local runs a page shows them."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from adapters.blobs import BlobMissing, Blobs
from adapters.channels import Message
from invoicing.approval import names

PREFIX = "outbox/"


def put(blobs: Blobs, message: Message, kind: str, approval: str, created: datetime) -> None:
    """Leave a message in the outbox; the same one again changes nothing."""
    body = {"created": created.isoformat(), "kind": kind, "approval": approval, **asdict(message)}
    blobs.write(names.outbox(message.id, created), json.dumps(body, ensure_ascii=False).encode())


def messages(blobs: Blobs, top: int = 50, page: str | None = None) -> tuple[list[dict[str, Any]], str | None]:
    """Messages, the newest first, and the token of the next page (None: these were the last).

    Each: created, kind, approval, id, to, to_name, subject, text, html, link.
    """
    listed = blobs.page(PREFIX, top, page)
    found = (_read(blobs, blob.name) for blob in listed.blobs)
    return [message for message in found if message is not None], listed.next_token


def _read(blobs: Blobs, blob: str) -> dict[str, Any] | None:
    try:
        return json.loads(blobs.read(blob))
    except BlobMissing:
        return None  # retention removed it between the listing and now

"""Requests that come twice: what makes them the same, and which of two equal ones wins."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import azure.functions as func

from stores.blobs import BlobConflict, Blobs
from stores.intake_records import Record
from triggers.request_texts import header
from triggers.responses import Refused

_MAX_KEY = 255


def request_digest(req: func.HttpRequest, content: str) -> str:
    """64 hex digits that are equal for equal requests: of the Idempotency-Key, else of the content.

    Raises Refused for a key that cannot be used.
    """
    key = header(req, "Idempotency-Key", _MAX_KEY, "bad_idempotency_key")
    if key is None:
        seed = f"content:{content}"
    elif not key.strip():
        raise Refused(400, "bad_idempotency_key", f"Idempotency-Key has 1 to {_MAX_KEY} characters.")
    else:
        seed = f"key:{key}"
    return hashlib.sha256(seed.encode()).hexdigest()


def reserve(
    blobs: Blobs, name: str, record: Record, data: bytes, read: Callable[[], Record], reused: str
) -> Record:
    """Write a request's record as `data`, or `read` the one that is there: of two equal requests one wins.

    Raises Refused with the text `reused` where the record is of a request with another fingerprint.
    """
    try:
        blobs.create(name, data)
    except BlobConflict:
        there = read()
        if there.fingerprint != record.fingerprint:
            raise Refused(422, "idempotency_key_reused", reused) from None
        return there
    return record

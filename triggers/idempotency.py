"""Requests that come twice: what makes them the same."""

from __future__ import annotations

import hashlib

import azure.functions as func

from triggers.errors import Refused
from triggers.request_texts import header

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

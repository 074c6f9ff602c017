"""The key of links that a local run makes for itself, and that all its processes share."""

from __future__ import annotations

import contextlib
import secrets

from stores.blobs import BlobConflict, BlobMissing, Blobs

LOCAL_KEY = "keys/link"


def local_key(blobs: Blobs) -> str:
    """The key that is there, or a new one: of two processes that make one at once, one's is kept."""
    with contextlib.suppress(BlobMissing):
        return blobs.read(LOCAL_KEY).decode()
    with contextlib.suppress(BlobConflict):
        blobs.create(LOCAL_KEY, secrets.token_urlsafe(48).encode())
    return blobs.read(LOCAL_KEY).decode()

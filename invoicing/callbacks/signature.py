"""The signature of a callback, in the form of Standard Webhooks (standardwebhooks.com).

Three headers: `webhook-id` is the same however often a message is tried, so that a receiver can ignore
doubles; `webhook-timestamp` is the time of the try in seconds, so that others cannot send an old one again;
`webhook-signature` has one signature (HMAC-SHA256, base64) for each key, so that keys can be changed while
messages are on their way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

#: By how much the time of a try may differ from the receiver's clock.
TOLERANCE = timedelta(minutes=5)
_VERSION = "v1"


def signed_headers(keys: Sequence[bytes], message: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of one try; the newest key comes first."""
    seconds = str(int(at.timestamp()))
    return {
        "webhook-id": message,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(_signature(key, message, seconds, body) for key in keys),
    }


def fault(
    keys: Sequence[bytes], message: str, seconds: str, signature: str, body: bytes, now: datetime
) -> str | None:
    """Why a message that claims to be ours is not, in words; None where it is ours and fresh."""
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 12):
        return "The time stamp is not a number of seconds."
    if abs(now.timestamp() - int(seconds)) > TOLERANCE.total_seconds():
        return "The time stamp is too far from now."
    good = [_signature(key, message, seconds, body).encode() for key in keys]
    shown = [one.encode("utf-8", "replace") for one in signature.split()]
    # All are compared, each in constant time: how long it takes tells nothing about a key.
    matches = [hmac.compare_digest(one, other) for one in good for other in shown]
    return None if any(matches) else "No signature fits the id, the time stamp and the body."


def _signature(key: bytes, message: str, seconds: str, body: bytes) -> str:
    content = f"{message}.{seconds}.".encode() + body
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return f"{_VERSION},{base64.b64encode(digest).decode()}"

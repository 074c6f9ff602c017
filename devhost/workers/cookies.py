"""Cookies as the real host writes them: the worker takes a Set-Cookie apart, and the host puts it together.

So what comes out is not what the function wrote: names of attributes are in lower case and in another order,
``domain`` and ``path`` are always there, and the value is encoded as in a URL.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http.cookies import Morsel
from urllib.parse import quote

__all__ = ["set_cookie"]

_SAME_SITE = ("lax", "strict", "none")


def set_cookie(morsel: Morsel[str]) -> str:
    """Return the Set-Cookie header for a cookie that a function has set."""
    parts = [f"{morsel.key}={quote(morsel.value, safe='')}"]
    expires, max_age = _date(morsel["expires"]), _seconds(morsel["max-age"])
    if expires is not None:
        parts.append(f"expires={expires}")
    if max_age is not None:
        parts.append(f"max-age={max_age}")
    parts += [f"domain={morsel['domain']}", f"path={morsel['path']}"]
    if morsel["secure"]:
        parts.append("secure")
    if str(morsel["samesite"]).lower() in _SAME_SITE:
        parts.append(f"samesite={str(morsel['samesite']).lower()}")
    if morsel["httponly"]:
        parts.append("httponly")
    return "; ".join(parts)


def _date(text: str) -> str | None:
    """Return a date as HTTP writes it; None for none, and for one that cannot be read."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return format_datetime(datetime.fromtimestamp(moment.timestamp(), UTC), usegmt=True)


def _seconds(text: str) -> int | None:
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        return None
    return int(seconds) if math.isfinite(seconds) else None

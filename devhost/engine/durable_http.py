"""Durable HTTP calls, which the host makes itself (protocol 3.6).

The reply is ``{"statusCode": 200, "headers": {…}, "content": "…"}``. As on the real host with this SDK, a 202
is a result like any other: the SDK has no way to ask for polling, so none is done.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from typing import Any, Protocol

from devhost import jsontext
from devhost.engine.ports import ActivityError, ActivityOutcome

__all__ = ["HttpSender", "ThreadedHttpSender", "perform"]

_TIMEOUT_SECONDS = 100.0
_THREADS = 16
# Headers that describe the body; .NET keeps them apart from those of the response, and leaves them out.
_CONTENT_HEADERS = frozenset(
    [
        "allow",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-md5",
        "content-range",
        "content-type",
        "expires",
        "last-modified",
    ]
)


class HttpSender(Protocol):
    """Makes durable HTTP calls."""

    def submit(self, request_json: str, done: Callable[[ActivityOutcome], None]) -> None:
        """Start a call without blocking. ``request_json`` is an array of one request; see `perform`."""
        ...

    def close(self) -> None:
        """Start no more calls."""
        ...


class ThreadedHttpSender:
    """Makes the calls in a few threads, with the standard library."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="durable-http")

    def submit(self, request_json: str, done: Callable[[ActivityOutcome], None]) -> None:
        """Start a call; ``done`` gets its reply, or why there is none."""
        self._pool.submit(lambda: done(_outcome(request_json)))

    def close(self) -> None:
        """Drop the calls that have not been started."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _outcome(request_json: str) -> ActivityOutcome:
    try:
        return ActivityOutcome(jsontext.encode(perform(json.loads(request_json)[0])))
    except urllib.error.URLError as error:
        return ActivityOutcome(error=ActivityError(str(error.reason)))
    except Exception as error:  # noqa: BLE001  whatever goes wrong is the failure of this task
        return ActivityOutcome(error=ActivityError(str(error) or repr(error)))


def perform(request: dict[str, Any]) -> dict[str, Any]:
    """Make one call: ``{"method", "uri", "content", "headers", "tokenSource"}``; returns the reply.

    Error codes are replies. Raises OSError when nobody answers, ValueError for a request that cannot be made.
    """
    if request.get("tokenSource"):
        raise ValueError(
            "A durable HTTP call with a token source needs a managed identity; a local host has none."
        )
    outgoing = _outgoing(request)
    try:
        with _OPENER.open(outgoing, timeout=_TIMEOUT_SECONDS) as answer:
            return _reply(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return _reply(error.code, error.headers, error.read())


_OPENER = urllib.request.build_opener()
_OPENER.addheaders = []


def _outgoing(request: dict[str, Any]) -> urllib.request.Request:
    uri = request["uri"]
    if not uri.lower().startswith(("http://", "https://")):
        raise ValueError(f"'{uri}' is not an HTTP address; write http:// or https:// in front.")
    headers = {name: str(value) for name, value in (request.get("headers") or {}).items()}
    media_type = _pop_content_type(headers)
    content = request.get("content")
    if content is None:
        return urllib.request.Request(uri, None, headers, method=request["method"])  # noqa: S310  checked above
    if media_type.lower().startswith("multipart/"):
        raise ValueError("Multipart content is not supported in durable HTTP calls.")
    if media_type.lower() == "application/x-www-form-urlencoded":
        media_type += "; charset=utf-8"
    headers["Content-Type"] = media_type
    return urllib.request.Request(uri, content.encode(), headers, method=request["method"])  # noqa: S310


def _pop_content_type(headers: dict[str, str]) -> str:
    found = "text/plain"
    for name in [name for name in headers if name.lower() == "content-type"]:
        found = headers.pop(name)
    return found


def _reply(status: int, headers: Message, body: bytes) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name in dict.fromkeys(headers.keys()):
        if name.lower() not in _CONTENT_HEADERS:
            values = headers.get_all(name) or []
            shown[name] = values[0] if len(values) == 1 else values
    charset = headers.get_content_charset() or "utf-8"
    try:
        content = body.decode(charset, "replace")
    except LookupError:
        content = body.decode("utf-8", "replace")
    return {"statusCode": status, "headers": shown, "content": content}

"""Conversion between aiohttp's messages and what functions get and return, by the real host's rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import azure.functions as func
from aiohttp import web
from azure.functions.http import HttpRequest, HttpResponseConverter

from devhost.http.connections import BodyTooSlow, patience_of
from devhost.http.cookies import set_cookie

__all__ = [
    "BodyTooLarge",
    "absolute_url",
    "function_request",
    "function_response",
    "head_response",
    "read_body",
]


class BodyTooLarge(Exception):
    """The body of a request is larger than the host takes."""


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """Read the body with one copy. Raises BodyTooLarge as soon as more than ``limit`` bytes are certain.

    Raises BodyTooSlow where it does not come in the time that the connection gives it.
    """
    if (request.content_length or 0) > limit:
        raise BodyTooLarge
    if request.headers.get("Expect", "").lower() == "100-continue":
        # Only now is it certain that the body is wanted; without this, curl waits a second before it sends.
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    chunks: list[bytes] = []
    size = 0
    patience, began = patience_of(request), asyncio.get_running_loop().time()
    while chunk := await _next_chunk(request, began + patience.body_seconds(size)):
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _next_chunk(request: web.BaseRequest, deadline: float) -> bytes:
    if request.content.is_eof():  # what is there already needs no timer
        return await request.content.readany()
    try:
        async with asyncio.timeout_at(deadline):
            return await request.content.readany()
    except TimeoutError as error:
        raise BodyTooSlow from error


def function_request(request: web.BaseRequest, route: Mapping[str, str], body: bytes) -> HttpRequest:
    """Return the object that an HTTP function gets."""
    return HttpRequest(
        request.method,
        absolute_url(request),
        headers=_joined([(name.lower(), value) for name, value in request.headers.items()]),
        params=_joined(parse_qsl(request.rel_url.raw_query_string)),
        route_params=route,
        body_type="bytes",
        body=body,
    )


def absolute_url(request: web.BaseRequest) -> str:
    """Return the URL as the caller wrote it, with scheme and host."""
    return f"{request.scheme}://{request.host}{request.raw_path}"


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Join values of one name by a comma, as the real host does."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def function_response(returned: Any) -> web.Response:
    """Return the response for what an HTTP function returned.

    Raises TypeError for anything but a response or a text, and ValueError for a header that HTTP
    cannot carry; both end in a 500 on the real host.
    """
    if isinstance(returned, str):
        return _text_response(returned)
    if isinstance(returned, func.HttpResponse):
        return _response(HttpResponseConverter.encode(returned, expected_type=None).value)
    raise TypeError(f"an HTTP function returned {type(returned).__name__}; return an HttpResponse or a str")


def head_response(response: web.StreamResponse) -> web.StreamResponse:
    """Return the answer to a HEAD request: without a Content-Length, since the real host counts no body."""
    headers = response.headers.copy()
    headers.popall("Content-Length", None)
    return web.StreamResponse(status=response.status, reason=response.reason, headers=headers)


def _response(parts: dict[str, Any]) -> web.Response:
    headers = {name: datum.value for name, datum in parts["headers"].items()}
    for name, value in headers.items():
        _check_header(name, value)
    length = next((name for name in headers if name.lower() == "content-length"), None)
    if length:
        del headers[length]  # the server counts by itself
    response = web.Response(status=int(parts["status_code"].value), headers=headers, body=parts["body"].value)
    for cookie in parts["cookies"] or []:
        for morsel in cookie.values():
            response.headers.add("Set-Cookie", set_cookie(morsel))
    return response


def _check_header(name: str, value: str) -> None:
    # Kestrel takes printable ASCII alone, so a Location with "é" in it costs the whole response.
    if not (name + value).isascii() or any(ord(letter) < 32 and letter != "\t" for letter in value):
        raise ValueError(f"the header {name} has a character that HTTP headers cannot carry: {value!r}")


def _text_response(text: str) -> web.Response:
    """A text is sent as it is, unless it is JSON that describes a response."""
    try:
        described = json.loads(text)
    except ValueError:
        described = None
    if not isinstance(described, dict) or "body" not in described:
        return web.Response(text=text, content_type="text/plain", charset="utf-8")
    body = described["body"]
    status = int(described.get("status") or described.get("statusCode") or 200)
    headers = {str(name): str(value) for name, value in (described.get("headers") or {}).items()}
    for name, value in headers.items():
        _check_header(name, value)
    if not any(name.lower() == "content-type" for name in headers):
        headers["content-type"] = (
            "text/plain; charset=utf-8" if isinstance(body, str) else "application/json; charset=utf-8"
        )
    content = body if isinstance(body, str) else json.dumps(body)
    return web.Response(status=status, headers=headers, body=content.encode("utf-8"))

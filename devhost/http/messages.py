"""Conversion between aiohttp's messages and what functions get and answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from devhost.http.connections import BodyTooSlow, patience_of
from devhost.workers.http_calls import HttpAnswer, HttpCall

__all__ = ["BodyTooLarge", "absolute_url", "head_response", "http_call", "read_body", "web_response"]


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


def http_call(request: web.BaseRequest, route: Mapping[str, str], body: bytes) -> HttpCall:
    """Return what a request gives to a function."""
    return HttpCall(
        request.method,
        absolute_url(request),
        _joined([(name.lower(), value) for name, value in request.headers.items()]),
        _joined(parse_qsl(request.rel_url.raw_query_string)),
        route,
        body,
        request.headers.get("traceparent", ""),
    )


def web_response(answer: HttpAnswer) -> web.Response:
    """Return the response to send for what a function answered."""
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


def absolute_url(request: web.BaseRequest) -> str:
    """Return the URL as the caller wrote it, with scheme and host."""
    return f"{request.scheme}://{request.host}{request.raw_path}"


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Join values of one name by a comma, as the real host does."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def head_response(response: web.StreamResponse) -> web.StreamResponse:
    """Return the answer to a HEAD request: without a Content-Length, since the real host counts no body."""
    headers = response.headers.copy()
    headers.popall("Content-Length", None)
    return web.StreamResponse(status=response.status, reason=response.reason, headers=headers)

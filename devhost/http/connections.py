"""Connections: who may speak is looked at first, and what is sent by halves is not waited for."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from devhost.http.callers import Callers, Door, Refusal, Said
from devhost.http.routing import path_segments

__all__ = ["BodyTooSlow", "Patience", "Serving", "patience_of", "serve"]

_log = logging.getLogger("devhost.http")
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_MANAGEMENT = ("admin", "runtime", "durabletask")
# So many refusals are logged, each kind of them once: a page can send thousands.
_MOST_LOGGED = 100


class BodyTooSlow(Exception):
    """The body of a request does not come, or comes too slowly."""


@dataclass(frozen=True)
class Patience:
    """How long callers are waited for; seconds, and bytes a second. The defaults are about Kestrel's.

    ``head``: from the connection, or from a request's first byte, to the end of its headers. ``idle``: from
    one request to the next. ``body``: for its first byte, and as a reserve; then it has to keep the ``rate``.
    ``linger``: how long the rest of a body that is not wanted is read, so that the answer is seen.
    """

    head: float = 30.0
    idle: float = 130.0
    body: float = 30.0
    rate: float = 240.0
    linger: float = 5.0

    def body_seconds(self, received: int) -> float:
        """How long after the start of the body there have to be more than ``received`` bytes."""
        return self.body + received / self.rate


class _Connection(web.RequestHandler):
    """A connection that ends itself when the head of a request does not become whole in time."""

    __slots__ = ("_head_timer", "_serving", "patience")

    def __init__(self, server: web.Server, patience: Patience):
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # pyright: ignore[reportArgumentType] - None is what switches it off
            # Bodies reach functions as they were sent, compressed ones too.
            auto_decompress=False,
            max_line_size=32768,
            keepalive_timeout=patience.idle,
            lingering_time=patience.linger,
        )
        self.patience = patience
        self._serving = False
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._serving:
            self._wait_for_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def begin(self) -> None:
        """A request is whole but for its body, and is being answered."""
        self._serving = True
        self._head_is_there()

    def end(self) -> None:
        """The request is answered."""
        self._serving = False

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            loop = asyncio.get_running_loop()
            self._head_timer = loop.call_later(self.patience.head, self.force_close)

    def _head_is_there(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def patience_of(request: web.BaseRequest) -> Patience:
    """How long the body of a request is waited for."""
    return request.protocol.patience if isinstance(request.protocol, _Connection) else Patience()


@dataclass(frozen=True)
class Serving:
    """What listens: the server, to be shut down after its listeners are closed."""

    server: web.Server
    listeners: list[asyncio.Server]


async def serve(
    handler: Handler, sockets: Sequence[socket.socket], callers: Callers, patience: Patience | None = None
) -> Serving:
    """Answer requests on these sockets with ``handler``, after ``callers`` let them in."""
    chosen = patience or Patience()
    server = web.Server(_guarded(handler, callers), access_log=None)
    loop = asyncio.get_running_loop()
    listeners = [
        await loop.create_server(lambda: _Connection(server, chosen), sock=one, backlog=512)
        for one in sockets
    ]
    return Serving(server, listeners)


def _guarded(handler: Handler, callers: Callers) -> Handler:
    logged: set[tuple[str, str]] = set()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        refusal = _refusal(callers, request)
        if refusal is None:
            return await handler(request)
        told = (refusal.code, refusal.message)
        if told not in logged and len(logged) < _MOST_LOGGED:
            logged.add(told)
            _log.warning("%s %s was refused: %s", request.method, request.rel_url.raw_path, refusal.message)
        return _refused(refusal)

    async def guarded(request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        if isinstance(connection, _Connection):
            connection.begin()
        try:
            return await answer(request)
        except BodyTooSlow:
            response = web.Response(status=408)
            response.force_close()
            return response
        finally:
            if isinstance(connection, _Connection):
                connection.end()

    return guarded


def _refusal(callers: Callers, request: web.BaseRequest) -> Refusal | None:
    path = path_segments(request.raw_path.partition("?")[0])
    managed = bool(path) and path[0].lower() in _MANAGEMENT
    said = Said(
        request.method,
        request.headers.getall("Host", []),
        request.headers,
        # An event has to be JSON, and is refused with the real host's own answer otherwise.
        answers_forms=len(path) > 1 and path[-2].lower() == "raiseevent",
    )
    return callers.refusal(said, Door.MANAGEMENT if managed else Door.APP)


def _refused(refusal: Refusal) -> web.Response:
    body = {"error": {"code": refusal.code, "message": refusal.message}}
    return web.Response(
        status=refusal.status,
        body=json.dumps(body).encode(),
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        content_type="application/json",
        charset="utf-8",
    )

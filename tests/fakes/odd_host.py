"""A small HTTP server on a free port of this machine that answers as good and as bad hosts do.

What it does is the first part of the path:

    /ok         JSON at once                     /slow      JSON after 50 ms (or /slow/SECONDS)
    /echo       method, headers and body back    /status/N  the status N
    /hang       nothing, ever                    /trickle   a byte every 50 ms, for ever
    /gigabyte   1 GB                             /bomb      1 GB, gzipped to 1 MB
    /html       HTML with the status 200         /head      a header of 1 MB
    /redirect   to the address in the query      /busy/N    429 for the first N requests, then JSON
    /broken     breaks off in the body           /noise     bytes that are no HTTP
    /closed     closes without an answer         /down/N    503 for the first N requests, then JSON

`requests` holds what came, `most` how many were open at the same time.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

_BLOCK = b"\0" * (1024 * 1024)


@dataclass(frozen=True)
class Received:
    """One request; names of headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = field(repr=False)


class OddHost:
    """Use it as a context manager. `retry_after`: the header of its 429 and 503 answers."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Received] = []
        self.open = self.most = 0
        self.retry_after: str | None = None
        self.port = 0
        self.connections = 0
        self._tls = tls
        self._busy: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def forget(self) -> None:
        """Begin to count anew."""
        self._busy.clear()

    def __enter__(self) -> OddHost:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._server = server

    async def _stop(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (received := await _request(reader)) is not None:
                self.requests.append(received)
                self.open += 1
                self.most = max(self.most, self.open)
                try:
                    keep = await self._answer(received, writer)
                finally:
                    self.open -= 1
                if not keep:
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def _answer(self, received: Received, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; returns whether the connection is kept."""
        path, _, query = received.target.partition("?")
        kind, *rest = path.strip("/").split("/")
        if kind == "slow":
            await asyncio.sleep(float(rest[0]) if rest else 0.05)
            kind = "ok"
        if kind in ("busy", "down"):
            self._busy[path] += 1
            if self._busy[path] <= int(rest[0]):
                return await self._say(writer, 429 if kind == "busy" else 503, b"later")
            kind = "ok"
        if kind == "ok":
            return await self._say(writer, 200, b'{"ok": true}', "application/json")
        if kind == "status":
            return await self._say(writer, int(rest[0]), b"")
        if kind == "echo":
            said = {"method": received.method, "headers": received.headers, "body": received.body.decode()}
            return await self._say(writer, 200, json.dumps(said).encode(), "application/json")
        if kind == "html":
            return await self._say(writer, 200, b"<!doctype html><p>Sign in", "text/html")
        if kind == "redirect":
            return await self._say(writer, 302, b"", more={"Location": unquote(query)})
        await getattr(self, f"_{kind}")(writer)
        return False

    async def _say(
        self,
        writer: asyncio.StreamWriter,
        status: int,
        body: bytes,
        kind: str = "text/plain",
        more: dict[str, str] | None = None,
    ) -> bool:
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Set-Cookie": "a=b"} | (more or {})
        if status in (429, 503) and self.retry_after is not None:
            headers["Retry-After"] = self.retry_after
        lines = [f"HTTP/1.1 {status} So", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        return True

    async def _hang(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def _closed(self, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def _noise(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        await writer.drain()

    async def _broken(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
        await writer.drain()

    async def _head(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * (1024 * 1024) + b"\r\n\r\n")
        await writer.drain()

    async def _trickle(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def _gigabyte(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1024 * len(_BLOCK)))
        for _ in range(1024):
            writer.write(_BLOCK)
            await writer.drain()

    async def _bomb(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
        packer = zlib.compressobj(wbits=31)
        for _ in range(1024):
            writer.write(packer.compress(_BLOCK))
            await writer.drain()
        writer.write(packer.flush())
        await writer.drain()


async def _request(reader: asyncio.StreamReader) -> Received | None:
    """The next request of a connection; None where it has ended."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, target, headers, body)

"""Requests that are sent by halves: each ends after its time, and nobody else notices."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web

from devhost.http.callers import Callers
from devhost.http.connections import Patience, serve
from devhost.http.messages import read_body

HEAD = b"POST /x HTTP/1.1\r\nHost: localhost\r\n"
# Long enough for a busy machine, short enough for a test: what is not to end in it takes sixty seconds.
QUICK, NEVER = 0.3, 60.0
Talk = Callable[[bytes], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


async def _size(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=str(len(await read_body(request, 10_000_000))))


@asynccontextmanager
async def _host(patience: Patience) -> AsyncIterator[tuple[str, Talk]]:
    """A server with this patience: its address, and how to open a connection and send something."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    serving = await serve(_size, [listening], Callers(), patience)

    async def talk(text: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(text)
        await writer.drain()
        return reader, writer

    try:
        yield f"http://127.0.0.1:{port}", talk
    finally:
        for listener in serving.listeners:
            listener.close()
        await serving.server.shutdown(0)


async def _to_the_end(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the host closes the connection."""
    return await asyncio.wait_for(reader.read(), 30)


@pytest.mark.parametrize("sent", [b"", b"POST", HEAD, HEAD + b"X-Slow: "])
async def test_head_that_does_not_end_is_not_waited_for(sent: bytes) -> None:
    """From nothing at all to all but the last line; the connection is closed."""
    async with _host(Patience(head=QUICK, idle=NEVER, body=NEVER)) as (_, talk):
        reader, writer = await talk(sent)
        assert await _to_the_end(reader) == b""
        writer.close()


async def test_head_that_drips_is_not_waited_for_either() -> None:
    """A byte now and then does not make the time begin anew."""
    async with _host(Patience(head=QUICK, idle=NEVER, body=NEVER)) as (_, talk):
        reader, writer = await talk(HEAD)
        ended = asyncio.create_task(reader.read())
        async with asyncio.timeout(30):
            while not ended.done():
                writer.write(b"X-A: b\r\n")
                await asyncio.wait([ended], timeout=0.05)
        assert ended.exception() or ended.result() == b""


async def test_head_of_a_second_request_is_not_waited_for() -> None:
    """On a connection that stays open between requests."""
    async with _host(Patience(head=QUICK, idle=NEVER, body=NEVER)) as (_, talk):
        reader, writer = await talk(HEAD + b"Content-Length: 2\r\n\r\nhi")
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).startswith(b"HTTP/1.1 200")
        writer.write(HEAD)
        assert await _to_the_end(reader) == b"2"


async def test_connection_that_is_not_used_again_is_closed() -> None:
    """After the time between two requests."""
    async with _host(Patience(head=NEVER, idle=QUICK, body=NEVER)) as (_, talk):
        reader, _writer = await talk(HEAD + b"Content-Length: 2\r\n\r\nhi")
        assert (await _to_the_end(reader)).endswith(b"\r\n\r\n2")


@pytest.mark.parametrize("sent", [b"", b"some"])
async def test_body_that_does_not_come_is_told_so(sent: bytes) -> None:
    """408, and the connection is closed."""
    async with _host(Patience(head=NEVER, idle=NEVER, body=QUICK, rate=1e9, linger=0.1)) as (_, talk):
        reader, _ = await talk(HEAD + b"Content-Length: 9\r\n\r\n" + sent)
        assert (await asyncio.wait_for(reader.readline(), 30)) == b"HTTP/1.1 408 Request Timeout\r\n"
        assert b"Connection: close" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)


async def test_body_that_drips_is_told_so() -> None:
    """It would be whole after 1,000 s, with never more than 10 ms from byte to byte."""
    async with _host(Patience(head=NEVER, idle=NEVER, body=QUICK, rate=1e6, linger=0.1)) as (_, talk):
        reader, writer = await talk(HEAD + b"Content-Length: 100000\r\n\r\n")
        answer = asyncio.create_task(reader.readline())
        while not answer.done():
            writer.write(b"x")
            await asyncio.wait([answer], timeout=0.01)
        assert answer.result() == b"HTTP/1.1 408 Request Timeout\r\n"


async def test_slow_body_that_keeps_the_rate_is_taken() -> None:
    """It takes longer than the time for its first byte: what came is worth time for what comes."""
    async with _host(Patience(head=NEVER, idle=NEVER, body=5.0, rate=1.0)) as (base, _):

        async def drip() -> AsyncIterator[bytes]:
            for _ in range(5):
                yield b"1234"
                await asyncio.sleep(0.02)

        async with ClientSession() as session, session.post(base, data=drip()) as answer:
            assert (answer.status, await answer.text()) == (200, "20")
    assert Patience(body=5.0, rate=1.0).body_seconds(20) == 25.0


async def test_hundred_half_requests_keep_nobody_out() -> None:
    """Others are answered meanwhile, and afterwards all of the hundred are gone."""
    async with _host(Patience(head=1.0, idle=NEVER, body=NEVER)) as (base, talk):
        half = [await talk(HEAD) for _ in range(100)]
        async with ClientSession() as session, session.post(base, data=b"abc") as answer:
            assert await answer.text() == "3"
        assert await asyncio.gather(*(_to_the_end(reader) for reader, _ in half)) == [b""] * 100


async def test_answer_that_takes_long_is_no_half_request() -> None:
    """The time is the caller's alone: a function may take its own."""

    async def slow(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(5 * QUICK)
        return web.Response(text="done")

    listening = socket.create_server(("127.0.0.1", 0))
    serving = await serve(slow, [listening], Callers(), Patience(head=QUICK, idle=QUICK, body=QUICK))
    async with ClientSession() as session:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        async with session.post(url, data=b"abc") as answer:
            assert await answer.text() == "done"
    serving.listeners[0].close()
    await serving.server.shutdown(0)


def test_host_that_is_started_has_this_patience() -> None:
    """Half a minute for a head, and for a body to begin."""
    assert Patience() == Patience(head=30.0, idle=130.0, body=30.0, rate=240.0, linger=5.0)

"""Calls to other hosts over one pool of connections, within limits of bytes and time.

Redirects are not followed: the answer is the redirect. No proxy of the environment, no cookies, no password
file is used. Whatever the other side does ends in an `OutgoingAnswer`.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from types import TracebackType

import aiohttp
from yarl import URL

from adapters.outgoing import secret_values
from adapters.outgoing.failures import TOO_LARGE, answer_of
from adapters.outgoing.names import connector
from adapters.outgoing_settings import OutgoingSettings
from adapters.resolving import Resolve, system_addresses
from invoicing.outgoing.headers import check_headers
from invoicing.outgoing.refusals import CallRefused
from invoicing.outgoing.targets import Target, target_of
from invoicing.records.outgoing import OutgoingAnswer, OutgoingRequest

#: Seconds for one connection with its TLS, and from one byte to the next (or to the first).
CONNECT_SECONDS, SILENCE_SECONDS = 10.0, 60.0
#: Bytes of one header of an answer, and headers of it that are kept.
_LONGEST_HEADER, _MOST_HEADERS = 8190, 64
_BLOCK = 64 * 1024
# The time limit of the whole call ends a silence that is shorter than the longest.
_SHORT = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS)
_PATIENT = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)


class Caller:
    """Makes calls; use it as an asynchronous context manager. Calls may be made at the same time."""

    def __init__(
        self,
        settings: OutgoingSettings,
        resolve: Resolve = system_addresses,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._settings, self._resolve, self._tls = settings, resolve, tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Caller:
        self._session = aiohttp.ClientSession(
            connector=connector(self._resolve, loopback=self._settings.policy.loopback),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers={"User-Agent": "Settle", "Accept-Encoding": "gzip, deflate"},
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, request: OutgoingRequest) -> OutgoingAnswer:
        """Make one call; never raises for what the other side does, nor for what is not allowed."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(request.timeout_seconds):
                return await self._checked_and_sent(request, begun)
        except (CallRefused, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return answer_of(error).model_copy(update={"milliseconds": _since(begun)})

    async def _checked_and_sent(self, request: OutgoingRequest, begun: float) -> OutgoingAnswer:
        policy, secrets = self._settings.policy, self._settings.secrets
        target = target_of(request.url, policy)
        check_headers(request.headers, target, policy)
        headers = secret_values.filled_in(request.headers, secrets)
        answer = await self._exchange(request, _url(target), headers, begun)
        used = secret_values.used_by(request.headers, secrets)
        return _without_secrets(answer, used) if used else answer

    async def _exchange(
        self, request: OutgoingRequest, url: URL, headers: dict[str, str], begun: float
    ) -> OutgoingAnswer:
        assert self._session is not None, "a Caller is used within `async with`"
        async with self._session.request(
            request.method,
            url,
            headers=headers,
            data=request.body or None,
            allow_redirects=False,
            ssl=self._tls or True,
            timeout=_PATIENT if request.timeout_seconds > SILENCE_SECONDS else _SHORT,
        ) as response:
            kept = _kept_headers(response)
            body = await _body(response, request.largest)
            if body is None:
                response.close()  # the rest is not waited for
                more = {"status": response.status, "headers": kept, "milliseconds": _since(begun)}
                return TOO_LARGE.model_copy(update=more)
            return OutgoingAnswer(
                outcome="answered",
                status=response.status,
                headers=kept,
                body=body,
                milliseconds=_since(begun),
            )


def _since(begun: float) -> int:
    """Milliseconds since a moment of the monotonic clock."""
    return round(1000 * (time.monotonic() - begun))


def _url(target: Target) -> URL:
    """The URL out of the parts that were checked, byte for byte."""
    url = URL.build(
        scheme=target.scheme,
        host=target.host,
        port=target.port,
        path=target.path,
        query_string=target.query,
        encoded=True,
    )
    if (url.raw_host or "").lower() != target.host or url.port != target.port:
        raise CallRefused("bad_url", "This URL can be read in more than one way. Write it in its plain form.")
    return url


async def _body(response: aiohttp.ClientResponse, largest: int) -> bytes | None:
    """The body after decompression; None where it is larger than `largest`. What is in memory is bounded."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(_BLOCK):
        size += len(part)
        if size > largest:
            return None
        parts.append(part)
    return b"".join(parts)


def _kept_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Headers of an answer by lower-case names. Cookies are left out: they are secrets of the other side."""
    kept: dict[str, str] = {}
    for name, value in response.headers.items():
        lower = name.lower()
        if lower not in ("set-cookie", "set-cookie2") and lower not in kept and len(kept) < _MOST_HEADERS:
            kept[lower] = value.encode("utf-8", "replace").decode()
    return kept


def _without_secrets(answer: OutgoingAnswer, secrets: dict[str, str]) -> OutgoingAnswer:
    headers = {
        name: secret_values.without(value.encode(), secrets).decode("utf-8", "replace")
        for name, value in answer.headers.items()
    }
    return answer.model_copy(update={"headers": headers, "body": secret_values.without(answer.body, secrets)})

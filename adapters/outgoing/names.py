"""From the name of a host to the addresses that are connected to: each is judged, none is looked up again.

A name may resolve to a public address when it is judged and to a private one a moment later, when it is
used. So the connector gets the judged addresses themselves, and judges once more what it is about to open.
"""

from __future__ import annotations

import socket
from typing import Any

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from adapters.resolving import Resolve
from invoicing.outgoing.addresses import is_allowed_text
from invoicing.outgoing.targets import not_allowed_address

#: Addresses of one name that are tried; all are judged.
_MOST_TRIED = 4
_IDLE_SECONDS = 15.0


class JudgingResolver(AbstractResolver):
    """Looks up a name, and refuses it where any of its addresses may not be called."""

    def __init__(self, resolve: Resolve, *, loopback: bool) -> None:
        self._resolve, self._loopback = resolve, loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses to connect to. Raises OSError, and CallRefused where one may not be called."""
        found = await self._resolve(host)
        if not found:
            raise OSError(None, "the name has no address")
        if not all(is_allowed_text(address, loopback=self._loopback) for address in found):
            raise not_allowed_address()
        return [_result(host, address, port) for address in found[:_MOST_TRIED]]

    async def close(self) -> None:
        """Nothing is held."""


def connector(resolve: Resolve, *, loopback: bool) -> TCPConnector:
    """Opens connections to judged addresses only; each new connection looks the name up anew."""

    def open_socket(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        if not is_allowed_text(str(address[0]), loopback=loopback):
            raise not_allowed_address()
        return socket.socket(family=family, type=kind, proto=protocol)

    return TCPConnector(
        resolver=JudgingResolver(resolve, loopback=loopback),
        use_dns_cache=False,
        limit=0,  # whoever makes many calls counts them
        keepalive_timeout=_IDLE_SECONDS,
        socket_factory=open_socket,
    )


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)

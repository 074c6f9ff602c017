"""Looking up the addresses of hosts that are to be called."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

#: From the name of a host to its addresses as texts. Raises OSError.
Resolve = Callable[[str], Awaitable[Sequence[str]]]


async def system_addresses(host: str) -> Sequence[str]:
    """What the system's resolver says. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))

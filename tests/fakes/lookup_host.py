"""A server on a free port of this machine for what is looked up elsewhere: rates, a VAT service, an ERP.

It has the pages that a test puts there, and behind them all the bad ways of `OddHost` (`/hang`, `/html` …).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Self

from tests.fakes.odd_host import OddHost, Received

#: Status and body of an answer; None: no answer, ever.
Said = tuple[int, bytes] | None


class LookupHost(OddHost):
    """Use it as a context manager. `pages`: by the path without query, what is answered to a request."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, Callable[[Received], Said]] = {}
        #: Seconds before each answer of a page.
        self.delay = 0.0

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def put(self, path: str, body: bytes, status: int = 200) -> str:
        """Answer a path with these bytes from now on; returns its address."""
        self.pages[path] = lambda received: (status, body)
        return self.url + path

    def put_json(self, path: str, value: Any, status: int = 200) -> str:
        """Answer a path with this JSON from now on; returns its address."""
        return self.put(path, json.dumps(value).encode(), status)

    def in_turn(self, path: str, *said: Said) -> str:
        """Answer a path with one after the other, and go on with the last; returns its address."""
        left = list(said)
        self.pages[path] = lambda received: left.pop(0) if len(left) > 1 else left[0]
        return self.url + path

    def asked(self, path: str) -> list[Received]:
        """The requests for a path, in order."""
        return [one for one in self.requests if one.target.partition("?")[0] == path]

    async def _answer(self, received: Received, writer: asyncio.StreamWriter) -> bool:
        page = self.pages.get(received.target.partition("?")[0])
        if page is None:
            return await super()._answer(received, writer)
        said = page(received)
        if said is None:
            await asyncio.Event().wait()
        await asyncio.sleep(self.delay)
        status, body = said or (200, b"")
        return await self._say(writer, status, body, "application/json")

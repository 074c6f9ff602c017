"""Our own addresses in answers. They never hold what the caller wrote into `Host`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

import azure.functions as func

from adapters import callers, services


@dataclass(frozen=True)
class OwnLinks:
    """What links of an answer are made of.

    `base`: the URL of a collection, `https://settle.example/api/batches`; a path alone where no address of
    ours is known. `key`: the function key of the query, so that who shows it there can follow a link; None
    where there is none, or no address of ours is known.
    """

    base: str
    key: str | None

    def to(self, path: str = "", **query: str) -> str:
        """The address of something below the collection, with the caller's key."""
        given = query | ({"code": self.key} if self.key else {})
        return f"{self.base}{path}" + (f"?{urlencode(given, quote_via=quote)}" if given else "")


def own_links(req: func.HttpRequest, collection: str) -> OwnLinks:
    """Links to a collection of the API (`batches`), under the address of ours that the caller used."""
    address = callers.own_address(req, services.current().settings.access)
    key = req.params.get("code") if address else None
    return OwnLinks(f"{address}/api/{collection}", key or None)

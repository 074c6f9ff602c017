"""Routes of the documents of a batch: pages by number, windows of those that wait, packs of the others.

Each blob has a hundred documents at most, so that finding one costs the same in a batch of any size.
"""

from __future__ import annotations

from pydantic import TypeAdapter

from invoicing.records.route import (
    PAGE,
    AwaitedDocument,
    BatchRouting,
    DocumentRoute,
    DocumentWindow,
    Pack,
    RoutePage,
)
from stores import records
from stores.blobs import BlobMissing, Blobs

_PAGE = TypeAdapter(RoutePage)
_WINDOW = TypeAdapter(DocumentWindow)
_PACK = TypeAdapter(Pack)
_ROUTING = TypeAdapter(BatchRouting)
_AWAITED = TypeAdapter(AwaitedDocument)
_LATE = TypeAdapter(DocumentRoute)


class RouteStore:
    """What the policy said of the documents of one batch. What reads raises RecordDamaged."""

    def __init__(self, blobs: Blobs, batch: str) -> None:
        self._blobs = blobs
        self._prefix = f"batches/{batch}/routing/"

    def put_page(self, page: RoutePage) -> None:
        """Keep the routes of the documents of one page."""
        self._blobs.write(self._page_name(page.routes[0].n), page.as_json())

    def route(self, n: int) -> DocumentRoute | None:
        """The route of a document; None where no rule was applied to it: it was no valid invoice."""
        name = self._page_name(n)
        try:
            page = records.from_json(_PAGE, name, self._blobs.read(name))
        except BlobMissing:
            return None
        route = next((route for route in page.routes if route.n == n), None)
        return self._late_route(n) or route if route is not None and route.goods is not None else route

    def _late_route(self, n: int) -> DocumentRoute | None:
        name = self._late_name(n)
        try:
            return records.from_json(_LATE, name, self._blobs.read(name))
        except BlobMissing:
            return None

    def put_late_route(self, route: DocumentRoute) -> None:
        """Keep the route of a document that had waited for its goods."""
        self._blobs.write(self._late_name(route.n), route.as_json())

    def put_awaited(self, document: AwaitedDocument) -> None:
        """Keep what routes a document after its goods have come."""
        self._blobs.write(self._awaited_name(document.row.n), document.as_json())

    def awaited(self, n: int) -> AwaitedDocument | None:
        """What routes a document after its goods have come; None where it waits for none."""
        name = self._awaited_name(n)
        try:
            return records.from_json(_AWAITED, name, self._blobs.read(name))
        except BlobMissing:
            return None

    def put_window(self, number: int, window: DocumentWindow) -> None:
        """Keep which documents are opened together; the first window is 0."""
        self._blobs.write(self._window_name(number), window.as_json())

    def window(self, number: int) -> DocumentWindow:
        """The documents of a window. Raises BlobMissing."""
        name = self._window_name(number)
        return records.from_json(_WINDOW, name, self._blobs.read(name))

    def put_pack(self, number: int, pack: Pack) -> None:
        """Keep which documents are booked together; the first pack is 0."""
        self._blobs.write(self.pack_name(number), pack.as_json())

    def pack(self, number: int) -> Pack | None:
        """The documents of a pack; None where there is no such pack."""
        name = self.pack_name(number)
        try:
            return records.from_json(_PACK, name, self._blobs.read(name))
        except BlobMissing:
            return None

    def finish(self, routing: BatchRouting) -> None:
        """Note that all documents were routed, and what it came to."""
        self._blobs.write(self._summary_name, routing.as_json())

    def finished(self) -> BatchRouting | None:
        """What routing came to; None where it has not come to its end."""
        try:
            return records.from_json(_ROUTING, self._summary_name, self._blobs.read(self._summary_name))
        except BlobMissing:
            return None

    @property
    def _summary_name(self) -> str:
        return f"{self._prefix}routing.json"

    def _page_name(self, n: int) -> str:
        return f"{self._prefix}routes/{page_of(n):05d}.json"

    def _awaited_name(self, n: int) -> str:
        return f"{self._prefix}goods/{n:06d}.json"

    def _late_name(self, n: int) -> str:
        return f"{self._prefix}late/{n:06d}.json"

    def _window_name(self, number: int) -> str:
        return f"{self._prefix}windows/{number:05d}.json"

    def pack_name(self, number: int) -> str:
        """The blob of a pack."""
        return f"{self._prefix}packs/{number:05d}.json"


def page_of(n: int) -> int:
    """The page of document `n`; documents are counted from 1, pages from 0."""
    return (n - 1) // PAGE

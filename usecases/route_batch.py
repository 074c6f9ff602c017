"""Route a batch: hold its valid documents against the policy, and write down what it says once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import groupby

from adapters import policies
from adapters.services import Services
from invoicing.records.base import BatchId, Person, Reference
from invoicing.records.document import DocumentRow
from invoicing.records.route import BatchRouting, Route
from stores.batches import BatchStore
from stores.blobs import Blobs
from stores.results import ResultStore
from stores.routes import RouteStore, page_of
from usecases.rates import rates_at
from usecases.route_book import RouteBook
from usecases.router import Router

_WRITES_AT_ONCE = 8


def route_batch(
    services: Services, batch: BatchId, sender: Person | None, now: datetime, *, again: bool
) -> BatchRouting:
    """Apply the policy to the valid documents of a batch, duplicates left out.

    With `again`, what an earlier run wrote down stands. Raises PolicyInvalid.
    """
    store = RouteStore(services.blobs, batch)
    finished = store.finished() if again else None
    if finished is not None:
        return finished

    policy = policies.load(services.settings)
    router = Router(services.blobs, policy, sender, now, rates_at(services, policy, now))
    book = RouteBook(store)
    manifest = BatchStore(services.blobs).manifest(batch)

    def routed(row: DocumentRow) -> Route:
        return router.route(Reference(f"{batch}/{row.n}"), row, manifest.chunk_of(row.n))

    with ThreadPoolExecutor(_WRITES_AT_ONCE) as pool:
        for page in _pages(_payable_rows(services.blobs, batch)):
            book.add(page, list(pool.map(routed, page)))
    return book.close()


def _payable_rows(blobs: Blobs, batch: BatchId) -> Iterator[DocumentRow]:
    with ResultStore(blobs).final(batch) as rows:
        yield from (row for row in rows if row.outcome == "valid")


def _pages(rows: Iterable[DocumentRow]) -> Iterator[list[DocumentRow]]:
    """Rows in the order of their numbers, a page at a time, so that memory holds no more than one."""
    for _, page in groupby(rows, lambda row: page_of(row.n)):
        yield list(page)

"""Route a batch: hold its valid documents against the policy, and write down what it says once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import groupby

from adapters import policies
from adapters.services import Services
from invoicing.approval import names
from invoicing.records.base import BatchId, Person, Reference
from invoicing.records.document import DocumentRow
from invoicing.records.route import (
    AwaitedDocument,
    BatchRouting,
    DocumentRoute,
    FreeDocument,
    Pack,
    Route,
    late_pack,
)
from stores.batches import BatchStore
from stores.blobs import Blobs
from stores.results import ResultStore
from stores.routes import RouteStore, page_of
from usecases.check_suppliers import desk_at
from usecases.find_route import NotRouted
from usecases.goods_first import before_rules
from usecases.rates import rates_at
from usecases.route_book import RouteBook
from usecases.router import Router

_WRITES_AT_ONCE = 8


def route_batch(
    services: Services,
    batch: BatchId,
    sender: Person | None,
    now: datetime,
    *,
    again: bool,
    looked: datetime | None = None,
) -> BatchRouting:
    """Apply the policy to the valid documents of a batch, duplicates left out.

    With `again`, what an earlier run wrote down stands. `looked`: the moment at which answers about new
    suppliers are looked for. Where they are waited for, the answer says until when. Raises PolicyInvalid and
    ChecksInvalid.
    """
    store = RouteStore(services.blobs, batch)
    finished = store.finished() if again else None
    if finished is not None:
        return finished

    policy = policies.load(services.settings)
    desk = desk_at(services, now, looked)
    router = Router(services.blobs, policy, sender, now, rates_at(services, policy, now), desk)
    if desk is not None and (until := _waits_until(services.blobs, batch, router)) is not None:
        return BatchRouting(waits_until=until)
    book = RouteBook(store)
    manifest = BatchStore(services.blobs).manifest(batch)

    def routed(row: DocumentRow) -> Route:
        reference = Reference(f"{batch}/{row.n}")
        chunk = manifest.chunk_of(row.n)
        first = before_rules(services.blobs, policy, reference, row, None)
        if first.key is None:
            return router.route(reference, first.row, chunk, first.match)
        store.put_awaited(AwaitedDocument(row=row, sender=sender, chunk=chunk))
        return Route(outcome="ok", rule="", goods=first.key)

    with ThreadPoolExecutor(_WRITES_AT_ONCE) as pool:
        for page in _pages(_payable_rows(services.blobs, batch)):
            book.add(page, list(pool.map(routed, page)))
    return book.close()


def route_document(
    services: Services, reference: Reference, now: datetime, looked: datetime | None = None
) -> Route:
    """Apply the policy to a document of a batch whose goods were waited for; repeating it gives the same.

    Where nobody has to approve it, it lies in a pack of its own. `looked`: as of `route_batch`. Raises
    PolicyInvalid, ChecksInvalid and NotRouted.
    """
    place = names.parse_reference(reference)
    if place.n is None:
        raise NotRouted(f"{reference} is no document of a batch")
    store = RouteStore(services.blobs, place.owner)
    awaited = store.awaited(place.n)
    if awaited is None:
        raise NotRouted(f"{reference} did not wait for goods")
    there = store.route(place.n)
    if there is not None and there.goods is None:
        return there  # an earlier run wrote it down

    policy = policies.load(services.settings)
    first = before_rules(services.blobs, policy, reference, awaited.row, None)
    desk = desk_at(services, now, looked)
    router = Router(services.blobs, policy, awaited.sender, now, rates_at(services, policy, now), desk)
    if (until := router.waits_until(first.row)) is not None:
        return Route(outcome="ok", rule="", waits_until=until)
    route = router.route(reference, first.row, awaited.chunk, first.match)
    if route.outcome == "ok" and route.approval is None:
        free = FreeDocument(rule=route.rule, row=first.row)
        store.put_pack(late_pack(place.n), Pack(documents=(free,)))
    store.put_late_route(DocumentRoute(n=place.n, claim=awaited.row.claim, **dict(route)))
    return route.model_copy(update={"supplier": None})


def _waits_until(blobs: Blobs, batch: BatchId, router: Router) -> datetime | None:
    """Until when answers about the new suppliers of a batch are waited for; None: no longer.

    All checks are begun before any is waited for.
    """
    latest: datetime | None = None
    with ThreadPoolExecutor(_WRITES_AT_ONCE) as pool:
        for page in _pages(_payable_rows(blobs, batch)):
            for until in filter(None, pool.map(router.waits_until, page)):
                latest = until if latest is None else max(latest, until)
    return latest


def _payable_rows(blobs: Blobs, batch: BatchId) -> Iterator[DocumentRow]:
    with ResultStore(blobs).final(batch) as rows:
        yield from (row for row in rows if row.outcome == "valid")


def _pages(rows: Iterable[DocumentRow]) -> Iterator[list[DocumentRow]]:
    """Rows in the order of their numbers, a page at a time, so that memory holds no more than one."""
    for _, page in groupby(rows, lambda row: page_of(row.n)):
        yield list(page)

"""The routes of a batch on their way into the storage: pages, windows and packs."""

from __future__ import annotations

from collections.abc import Sequence

from invoicing.records.document import DocumentRow
from invoicing.records.route import (
    PACK,
    WINDOW,
    BatchRouting,
    DocumentRoute,
    DocumentWindow,
    FreeDocument,
    Pack,
    Route,
    RoutePage,
    WaitingDocument,
)
from stores.routes import RouteStore


class RouteBook:
    """Writes down the routes of a batch: pages, windows and packs, each as soon as it is full."""

    def __init__(self, store: RouteStore) -> None:
        self._store = store
        self._waiting: list[WaitingDocument] = []
        self._free: list[FreeDocument] = []
        self._documents = 0
        self._approvals = 0
        self._windows = 0
        self._packs = 0
        self._unapprovable = 0

    def add(self, rows: Sequence[DocumentRow], routes: Sequence[Route]) -> None:
        """Write down the routes of one page."""
        listed = [_document_route(row, route) for row, route in zip(rows, routes, strict=True)]
        self._store.put_page(RoutePage(routes=tuple(listed)))
        for row, route in zip(rows, listed, strict=True):
            self._sort(row, route)

    def close(self) -> BatchRouting:
        """Write down what is left, and what it came to."""
        self._put_window()
        self._put_pack()
        routing = BatchRouting(
            documents=self._documents,
            approvals=self._approvals,
            windows=self._windows,
            packs=self._packs,
            unapprovable=self._unapprovable,
        )
        self._store.finish(routing)
        return routing

    def _sort(self, row: DocumentRow, route: DocumentRoute) -> None:
        self._documents += 1
        if route.outcome == "bad":
            self._unapprovable += 1
        elif route.approval is None and route.goods is None:
            self._free.append(FreeDocument(rule=route.rule, row=row))
        else:
            self._approvals += 1
            self._waiting.append(WaitingDocument(n=row.n, approval=route.approval, goods=route.goods))

        if len(self._waiting) == WINDOW:
            self._put_window()
        if len(self._free) == PACK:
            self._put_pack()

    def _put_window(self) -> None:
        if self._waiting:
            self._store.put_window(self._windows, DocumentWindow(documents=tuple(self._waiting)))
            self._windows += 1
            self._waiting = []

    def _put_pack(self) -> None:
        if self._free:
            self._store.put_pack(self._packs, Pack(documents=tuple(self._free)))
            self._packs += 1
            self._free = []


def _document_route(row: DocumentRow, route: Route) -> DocumentRoute:
    return DocumentRoute(
        n=row.n,
        claim=row.claim,
        outcome=route.outcome,
        rule=route.rule,
        approval=route.approval,
        error=route.error,
        comparison=route.comparison,
        goods=route.goods,
        supplier=route.supplier,
    )

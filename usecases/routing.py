"""Route: hold invoices against the policy, and write down what it says once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import groupby

from adapters import policies
from adapters.services import Services
from invoicing.approval import names
from invoicing.approval.policy import Policy
from invoicing.approval.routing import Ruling, rule_on
from invoicing.approval.suppliers import pay_to
from invoicing.records.approval import ApprovalRequest, AskedDocument
from invoicing.records.base import ApprovalId, BatchId, InvoiceId, Person, Reference
from invoicing.records.document import DocumentRow, InvoiceSummary
from invoicing.records.route import (
    PACK,
    WINDOW,
    BatchRouting,
    DocumentRoute,
    DocumentWindow,
    FreeDocument,
    InvoiceRoute,
    Pack,
    Route,
    RoutePage,
    WaitingDocument,
)
from invoicing.records.supplier import SupplierId
from stores.approvals import ask, has_entry
from stores.batches import BatchStore
from stores.blobs import BlobMissing, Blobs
from stores.invoices import InvoiceStore
from stores.ledgers import ApprovalMissing, Ledger
from stores.results import ResultStore
from stores.routes import RouteStore, page_of
from stores.suppliers import SupplierStore
from usecases.routes import NotRouted

_WRITES_AT_ONCE = 8


def route_invoice(services: Services, invoice: InvoiceId, run: str | None, now: datetime) -> Route:
    """Apply the policy to an invoice that came alone; repeating it gives the same approval.

    Raises PolicyInvalid and NotRouted.
    """
    store = InvoiceStore(services.blobs)
    row = store.row(invoice)
    if row is None:
        raise NotRouted(f"{invoice} was not checked")

    sender = store.record(invoice).sender
    router = _Router(services.blobs, policies.load(services.settings), sender, now)
    route = router.route(Reference(invoice), row)
    if route.outcome == "ok":
        stored = InvoiceRoute(outcome="ok", rule=route.rule, approval=route.approval, run=run)
        store.put_route(invoice, stored)
    return route


def route_of_run(services: Services, invoice: InvoiceId, run: str | None) -> Route | None:
    """What a run that was lost wrote down, if it did.

    The route of another run does not count: its approval may have ended.
    """
    stored = InvoiceStore(services.blobs).route(invoice)
    if stored is None or stored.run != run:
        return None
    return Route(outcome=stored.outcome, rule=stored.rule, approval=stored.approval)


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

    router = _Router(services.blobs, policies.load(services.settings), sender, now)
    book = _RouteBook(store)
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


# ---------------------------------------------------------------- one document


class _Router:
    """Routes documents by one policy; the accounts of each supplier are looked up once.

    Safe to use from several threads.
    """

    def __init__(self, blobs: Blobs, policy: Policy, sender: Person | None, now: datetime) -> None:
        self._blobs = blobs
        self._policy = policy
        self._sender = sender
        self._now = now
        self._suppliers = SupplierStore(blobs)
        self._approved: dict[SupplierId, frozenset[str]] = {}

    def route(self, reference: Reference, row: DocumentRow, chunk: int | None = None) -> Route:
        """The route of a document; where people have to approve it, the request to them is written."""
        stated = pay_to(row.invoice or InvoiceSummary()).ids
        approved = {supplier: self._accounts_of(supplier) for supplier in stated}
        ruling = rule_on(self._policy, row, approved, self._sender)
        if ruling.problem is not None:
            return Route(outcome="bad", rule=ruling.rule, error=ruling.problem)
        if not ruling.stages:
            return Route(outcome="ok", rule=ruling.rule)

        request = self._request(reference, ruling, chunk)
        ask(self._blobs, request)
        return Route(outcome="ok", rule=ruling.rule, approval=request.approval)

    def _accounts_of(self, supplier: SupplierId) -> frozenset[str]:
        if supplier not in self._approved:
            self._approved[supplier] = self._suppliers.accounts_of(supplier)
        return self._approved[supplier]

    def _request(self, reference: Reference, ruling: Ruling, chunk: int | None) -> ApprovalRequest:
        row = ruling.row
        document = AskedDocument(
            name=row.name, sha256=row.sha256 or "", kind=row.kind, ref=reference, chunk=chunk
        )
        return ApprovalRequest(
            approval=self._free_approval(reference),
            ref=reference,
            created=self._now,
            sender=self._sender,
            facts=ruling.facts,
            rule=ruling.rule,
            stages=ruling.stages,
            document=document,
            row=row,
        )

    def _free_approval(self, reference: Reference) -> ApprovalId:
        """The id of the first approval of this document that has not ended: a later run gets a new one."""
        run = 1
        while True:
            approval = ApprovalId(names.approval_id(reference, run))
            if not _has_ended(self._blobs, approval):
                return approval
            run += 1


def _has_ended(blobs: Blobs, approval: ApprovalId) -> bool:
    try:
        if not has_entry(blobs, approval, 1):
            return False
        return Ledger.read(blobs, approval).state.closed
    except (ApprovalMissing, BlobMissing):
        return False


# ---------------------------------------------------------------- a batch


class _RouteBook:
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
        elif route.approval is None:
            self._free.append(FreeDocument(rule=route.rule, row=row))
        else:
            self._approvals += 1
            self._waiting.append(WaitingDocument(n=row.n, approval=route.approval))

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
    )

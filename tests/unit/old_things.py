"""A storage with batches and invoices that have ended long ago, and what retention does with them."""

from __future__ import annotations

import io
import json
from bisect import bisect_left, insort
from datetime import datetime, timedelta
from typing import IO, Any

from adapters.services import Services
from adapters.settings import from_environment
from invoicing.approval import names
from invoicing.approval.ledger import Draft
from invoicing.records.base import ApprovalId, BatchId, InvoiceId
from invoicing.records.batch import BatchRecord, BatchSource, Manifest
from invoicing.records.ledger import EntryDetail
from invoicing.records.messages import Notice, notice_id
from invoicing.records.retention import Place, RetentionRun
from invoicing.records.retention_steps import PurgeJob
from invoicing.records.route import BatchRouting, DocumentRoute, RoutePage
from stores import approvals, batch_names, notices
from stores.batches import BatchStore
from stores.blobs import BlobPage
from stores.claims import Claim, ClaimStore
from stores.invoices import document_name
from stores.routes import RouteStore
from stores.settled import SettledStore
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker
from tests.unit.asked import asked
from tests.unit.books import ANN, NOON, Books, add_entries
from tests.unit.report_rows import row
from usecases import retain

YEAR = timedelta(days=365)
LATER = NOON + 3 * YEAR
#: A year each; what was booked counts as paid after a month.
A_YEAR = {
    "SETTLE_KEEP_BATCHES_DAYS": "365",
    "SETTLE_KEEP_INVOICES_DAYS": "365",
    "SETTLE_PAID_AFTER_DAYS": "30",
}
#: What stays of a thing for good, by the beginnings of the names.
FOR_GOOD = ("approvals/", "bookings/", "payables/", "claims/", "suppliers/", "anchors/", "holds/")


class ManyBlobs(MemoryBlobs):
    """Blobs in memory, sorted at all times: a listing looks at what it lists alone, as that of Azure does."""

    def __init__(self) -> None:
        super().__init__()
        self._sorted: list[str] = []

    def names(self, prefix: str = "") -> list[str]:
        start = bisect_left(self._sorted, prefix)
        return self._sorted[start : bisect_left(self._sorted, prefix + "\x7f")]

    def page(self, prefix: str, size: int, token: str | None) -> BlobPage:
        self._note("list", prefix)
        start = bisect_left(self._sorted, token or prefix)
        names = [name for name in self._sorted[start : start + size + 1] if name.startswith(prefix)]
        blobs = [self._info(name) for name in names[:size]]
        return BlobPage(blobs, names[size] if len(names) > size else None)

    def delete(self, name: str) -> None:
        if name in self.stored:
            del self._sorted[bisect_left(self._sorted, name)]
        super().delete(name)

    def _put(self, name: str, data: bytes | IO[bytes], metadata: dict[str, str] | None = None) -> None:
        if name not in self.stored:
            insort(self._sorted, name)
        super()._put(name, data if isinstance(data, bytes) else data.read(), metadata)


def batch_id(n: int) -> BatchId:
    """The id of a batch by its number."""
    return BatchId(f"b{n:024x}")


class OldThings(Books):
    """Books whose storage tells when something was written; `archive`: a container of its own."""

    def __init__(self, *, many: bool = False, **environment: str) -> None:
        super().__init__(**(A_YEAR | environment))
        self.blobs: MemoryBlobs = ManyBlobs() if many else self.blobs
        self.archive = MemoryBlobs()
        self.now = NOON
        self.tick = timedelta(0)
        self.blobs.clock = lambda: self.now

    @property
    def services(self) -> Services:
        """The app's services, with the clock of these books; it moves by `tick` each time it is asked."""
        settings = from_environment(self.environment | {"SETTLE_ARCHIVE_CONTAINER": "archive"})
        return Services(
            settings,
            self.blobs,
            SayingChecker,
            open_container=lambda _, name: self.archive,
            clock=self._clock,
        )

    def _clock(self) -> datetime:
        self.now += self.tick
        return self.now

    # ------------------------------------------------------------ what is old

    def small_batch(self, n: int = 1, documents: int = 1) -> str:
        """A batch that was only checked, as little of it as there is; returns its id."""
        batch = batch_id(n)
        store = BatchStore(self.blobs)
        record = BatchRecord(batch, self.now, "f" * 64, BatchSource("upload", "a.zip", size=3))
        store.create(record)
        store.prepare(record, b"zip")
        store.divide(batch, Manifest(lasts=(documents,), upload=3))
        lines = "".join(f"{json.dumps(row(place + 1))}\n" for place in range(documents))
        self.blobs.write(batch_names.rows(batch), lines.encode())
        store.write_report(batch, "json", io.BytesIO(b"{}"))
        return batch

    def batch(self, n: int = 1) -> str:
        """A batch of which people rejected one document, and nobody was asked of the other; its id."""
        batch = self.small_batch(n, documents=2)
        self.blobs.write(batch_names.places(batch), b"\0" * 64)
        self.blobs.write(batch_names.result(batch, 0), b"{}\n", {"valid": "2"})
        self.blobs.write(batch_names.totals(batch), b"{}")
        self.blobs.write(batch_names.dead(batch, 2), b"dead")
        approval = ApprovalId(names.approval_id(f"{batch}/1"))
        routes = RouteStore(self.blobs, batch)
        for claim in (f"{n:030x}01", f"{n:030x}02"):
            ClaimStore(self.blobs).claim(Claim(claim, f"{batch}/{int(claim[-2:])}"))
        first = DocumentRoute(outcome="ok", rule="all", approval=approval, n=1, claim=f"{n:030x}01")
        second = DocumentRoute(outcome="ok", rule="small", n=2, claim=f"{n:030x}02")
        routes.put_page(RoutePage(routes=(first, second)))
        routes.finish(BatchRouting(documents=2, approvals=1, packs=1))
        self._decided(approval, f"{batch}/1")
        SettledStore(self.blobs, batch).note(1, "rejected")
        return batch

    def late_batch(self, n: int = 1) -> str:
        """A batch whose document waited for its goods, and was rejected by people then; its id."""
        batch = self.small_batch(n)
        approval = ApprovalId(names.approval_id(f"{batch}/1"))
        waits = DocumentRoute(outcome="ok", rule="", n=1, claim=f"{n:030x}01", goods="PO-1")
        routes = RouteStore(self.blobs, batch)
        routes.put_page(RoutePage(routes=(waits,)))
        routes.put_late_route(waits.model_copy(update={"rule": "goods", "approval": approval, "goods": None}))
        self._decided(approval, f"{batch}/1")
        return batch

    def _decided(self, approval: str, ref: str) -> None:
        request = asked(ref, row=row(1), created=self.now)
        approvals.ask(self.blobs, request)
        at = self.now.isoformat()
        add_entries(
            self.blobs,
            approval,
            Draft(kind="opened", at=at, key="opened"),
            Draft(kind="closed", at=at, key="closed", detail=EntryDetail(outcome="rejected")),
        )
        self.tell(approval)

    def tell(self, approval: str, state: Any = "sent") -> None:
        """Somebody was told of an approval."""
        name = notice_id(approval, 1, "request", "outbox", (ANN,))
        notice = Notice(
            id=name, approval=approval, entry=1, kind="request", stage="clerk", channel="outbox", to=(ANN,),
            created=self.now, state=state,
        )  # fmt: skip
        notices.create(self.blobs, notice)

    def invoice(self, n: int = 1) -> str:
        """An invoice that came alone, was approved and booked; returns its id."""
        approval = self.decided(n)
        ref = self.ref(approval)
        self.take_in(InvoiceId(ref), row(n))
        self.route(ref, approval)
        assert self.book(ref) == {"outcome": "ok"}
        self.tell(approval)
        return ref

    def free_invoice(self, n: int = 1) -> str:
        """An invoice that came alone and was booked without a person; returns its id."""
        ref = self.free(n)
        self.blobs.write(document_name(ref), b"<Invoice/>")
        return ref

    # ------------------------------------------------------------ what retention does

    def run(self, **changes: Any) -> RetentionRun:
        """A run of retention without its orchestration: all windows, one after the other."""
        here = self.services
        run = RetentionRun(id="r1", began=self.now).model_copy(update=changes)
        kinds = here.settings.retention.terms.kinds
        place = Place(kind=kinds[0]) if kinds else None
        while place is not None and run.error is None:
            found = retain.find_old(here, place)
            left = found.ids
            while left and run.error is None:
                purged = retain.purge_old(here, PurgeJob(run=run, ids=left))
                run, left = purged.run, purged.left
            place = found.place
        return run

    def records(self, thing: str) -> list[dict[str, Any]]:
        """The archive's records of a thing."""
        stored = self.archive.names(f"archive/{thing}/record-")
        return [json.loads(self.archive.stored[name][0]) for name in stored]

    def state(self) -> dict[str, bytes]:
        """What is stored, without what retention keeps of itself."""
        return {
            name: value[0]
            for name, value in self.blobs.stored.items()
            if not name.startswith(("retention/", "purged/"))
        }

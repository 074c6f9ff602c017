"""The approvals of a batch: `batch_approvals`, its parts and their steps."""

from __future__ import annotations

from typing import Literal

from invoicing.records.base import (
    ApprovalId,
    BatchId,
    Moment,
    Person,
    Record,
    Reference,
    Step,
    flag,
    optional,
)
from invoicing.records.invoice_steps import InvoiceResult
from invoicing.records.problem import Problem
from invoicing.records.route import BatchRouting, RoutingJob

SettledCounts = dict[str, int]
"""Documents by what became of them; what did not occur is not counted."""

Settlement = Literal["booked", "rejected", "expired", "failed"]
"""What became of a document that needs nobody any more."""


ApprovalsPhase = Literal["routing", "booking", "approval", "done"]


class BatchApprovalsJob(Record):
    """`sender`: who sent the batch in. `awaited`: the run is a part of its batch.

    `again`: an earlier run was lost, and what it routed stands. `routed`, `booked` and `opened` (when its
    documents were opened): what this run handed to itself when it continued as new.
    """

    batch: BatchId
    sender: Person | None = None
    awaited: bool = flag()
    again: bool = flag()
    routed: BatchRouting | None = optional()
    booked: SettledCounts | None = optional()
    opened: Moment | None = optional()


class BatchApprovalsResult(Record):
    """`counts`: documents by what became of them (`Settlement`, and `failed_packs`)."""

    status: Literal["completed", "failed"]
    counts: SettledCounts
    error: Problem | None = optional()


class BatchApprovalsProgress(Record):
    """The custom status: `documents` were routed, `approvals` of them wait, or waited, for a person."""

    phase: ApprovalsPhase
    documents: int | None = optional()
    approvals: int | None = optional()
    counts: SettledCounts | None = optional()


BATCH_APPROVALS = Step("batch_approvals", BatchApprovalsJob, BatchApprovalsResult)


def approvals_instance(batch: str) -> str:
    """The instance that sees the documents of a batch through their approvals, awaited or apart."""
    return f"{batch}-approvals"


class ApprovalsStarted(Record):
    """The instance that sees the documents of a batch through their approvals."""

    started: str


START_APPROVALS = Step("start_approvals", BatchApprovalsJob, ApprovalsStarted)


class RouteBatchJob(RoutingJob):
    """`again`: what an earlier run wrote down stands."""

    batch: BatchId
    sender: Person | None = None
    again: bool = flag()
    now: Moment


ROUTE_BATCH = Step("route_batch", RouteBatchJob, BatchRouting)


class BookingWindow(Record):
    """Packs `first` to `last` of a batch, both included."""

    batch: BatchId
    first: int
    last: int


BOOKING_WINDOW = Step("booking_window", BookingWindow, SettledCounts)


class PackJob(Record):
    """One pack of a batch, from 0; `now`: the time of the booking."""

    batch: BatchId
    pack: int
    now: Moment


BOOK_PACK = Step("book_pack", PackJob, SettledCounts)


class DocumentWindowJob(Record):
    """One window of documents that wait for people, from 0."""

    batch: BatchId
    window: int


class WindowOpened(Record):
    """How many documents were started."""

    opened: int


OPEN_DOCUMENTS = Step("open_documents", DocumentWindowJob, WindowOpened)


class DocumentJob(Record):
    """A document of a batch, and the approval that it waits for. `again`: its run was lost before.

    `goods`: the key of the signals that it waits for first; `approval` is None then.
    """

    ref: Reference
    approval: ApprovalId | None
    again: bool = flag()
    goods: str | None = optional()


BATCH_DOCUMENT = Step("batch_document", DocumentJob, InvoiceResult)


class SettledDocument(Record):
    """A document of a batch that needs nobody any more."""

    ref: Reference
    status: Settlement


class Noted(Record):
    """It was written down."""

    noted: bool = True


NOTE_SETTLED = Step("note_settled", SettledDocument, Noted)

COUNT_SETTLED = Step("count_settled", str, SettledCounts)

"""The steps of a batch: what its orchestrations and activities take and give, bound to their names."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from invoicing.records.base import BatchId, Moment, Person, Record, Step, optional
from invoicing.records.batch import BatchSource, Counts, Span
from invoicing.records.document import Outcome
from invoicing.records.problem import Problem

ReportFormat = Literal["html", "json", "csv", "xlsx"]
Phase = Literal["unpacking", "checking", "claiming", "reporting", "approval", "done", "stopped"]


class BatchJob(Record):
    """A batch that is to be taken from its upload to its report.

    `approval`: valid invoices go on to approval and booking, apart from the batch unless it shall `wait` for
    the decisions. `sender`: who sent it in, where that is known. `again`: an earlier run was lost, and what
    it stored is used.
    """

    batch: BatchId
    source: BatchSource
    approval: bool = False
    wait: bool = False
    sender: Person | None = None
    again: bool = False


class ApprovalsState(Record):
    """How far the approvals of a batch are.

    They are under way as `instance`, or have ended: `counts` has documents by what became of them.
    """

    status: Literal["running", "completed", "failed"]
    instance: str | None = optional()
    counts: dict[str, int] | None = optional()
    error: Problem | None = optional()


class BatchResult(Record):
    """What became of a batch; it fails for a reason that is told, and never by an exception."""

    status: Literal["completed", "stopped", "failed"]
    total: int | None = optional()
    counts: Counts | None = optional()
    approvals: ApprovalsState | None = optional()
    error: Problem | None = optional()


class BatchProgress(Record):
    """The custom status of a batch: `done` of `total` documents have a row."""

    phase: Phase
    done: int
    total: int
    counts: Counts


class Unpacked(Record):
    """How many documents and chunks there are; `bad`: the source holds nothing that can be unpacked."""

    outcome: Literal["ok", "bad"]
    documents: int = 0
    chunks: int = 0
    error: Problem | None = optional()


class WindowJob(Record):
    """Chunks `first` to `last` of a batch; dates are held against the day `today`."""

    batch: BatchId
    today: date
    again: bool
    first: int
    last: int


class ChunkJob(Record):
    """A chunk, or its documents `first` to `last`; `again`: rows that an earlier run wrote are used."""

    batch: BatchId
    chunk: int
    today: date
    again: bool = False
    first: int | None = optional()
    last: int | None = optional()

    @property
    def span(self) -> Span | None:
        """The documents that it is about; None: all of the chunk."""
        if self.first is None or self.last is None:
            return None
        return Span(first=self.first, last=self.last)

    def within(self, span: Span) -> ChunkJob:
        """The same for some of its documents."""
        return self.model_copy(update={"first": span.first, "last": span.last})


class BatchRef(Record):
    """A batch by its id."""

    batch: BatchId


class ChunkRef(Record):
    """A chunk by its number, from 0."""

    batch: BatchId
    chunk: int


class SetAsideJob(ChunkRef):
    """A document (`first` and `last` are its number) that cannot be processed; `reason`: why, in words."""

    first: int
    last: int
    reason: str


class PartResult(Record):
    """What became of a part of a batch.

    `rest`: documents that are left for the next call. `stopped`: somebody stopped the batch. `failed`: a step
    kept failing, and `error` says how.
    """

    outcome: Literal["ok", "stopped", "failed"]
    counts: Counts = Field(default_factory=dict[Outcome, int])
    rest: Span | None = optional()
    error: str | None = optional()


class ReportJob(Record):
    """Formats of a batch's report that are to be written; `finished`: when the batch was."""

    batch: BatchId
    finished: Moment
    formats: tuple[ReportFormat, ...]


class ReportWritten(Record):
    """The formats that were written."""

    written: tuple[ReportFormat, ...]


PROCESS_BATCH = Step("process_batch", BatchJob, BatchResult)
BATCH_WINDOW = Step("batch_window", WindowJob, PartResult)
BATCH_CHUNK = Step("batch_chunk", ChunkJob, PartResult)
BATCH_REPORT = Step("batch_report", ReportJob, PartResult)

UNPACK_BATCH = Step("unpack_batch", BatchJob, Unpacked)
CHECK_CHUNK = Step("check_chunk", ChunkJob, PartResult)
FIND_CHUNK_BOUNDS = Step("find_chunk_bounds", ChunkRef, Span)
SET_ASIDE = Step("set_aside", SetAsideJob, PartResult)
COUNT_RESULTS = Step("count_results", BatchRef, Counts)
CLAIM_INVOICES = Step("claim_invoices", BatchRef, PartResult)
WRITE_REPORT = Step("write_report", ReportJob, ReportWritten)

"""One chunk of a batch: check its documents; find and set aside the one that cannot be processed.

An activity that raises says nothing about which of its documents is to blame. So a range that keeps
failing is halved until one document is left; that one is set aside and named in the report, and the rest
goes on.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from invoicing.batching import halves
from invoicing.records.batch import Counts, Span
from invoicing.records.batch_steps import (
    BATCH_CHUNK,
    CHECK_CHUNK,
    FIND_CHUNK_BOUNDS,
    SET_ASIDE,
    ChunkJob,
    ChunkRef,
    PartResult,
    SetAsideJob,
)
from invoicing.tally import add_counts
from orchestrators.retry import ActivityGaveUp
from orchestrators.steps import call, input_of

bp = df.Blueprint()

_Part = Generator[Any, Any, PartResult]


@bp.orchestration_trigger(context_name="context")
def batch_chunk(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Check the documents of one chunk. Never raises for what it was given."""
    try:
        result = yield from _check_range(context, input_of(context, BATCH_CHUNK))
    except ActivityGaveUp as failure:
        result = PartResult(outcome="failed", error=str(failure))
    return BATCH_CHUNK.written_output(result)


def _check_range(context: df.DurableOrchestrationContext, job: ChunkJob) -> _Part:
    """`job` is the chunk, or a range of it."""
    counts: Counts = {}
    while True:
        part = yield from _check_once(context, job)
        counts = add_counts(counts, part.counts)
        if part.outcome != "ok" or part.rest is None:
            return part.model_copy(update={"counts": counts})
        # Documents took long, so the call ended before the host's time limit.
        job = job.within(part.rest)


def _check_once(context: df.DurableOrchestrationContext, job: ChunkJob) -> _Part:
    """What `check_chunk` answers; where it keeps failing, the document to blame is found and set aside."""
    try:
        return (yield from call(context, CHECK_CHUNK, job))
    except ActivityGaveUp as failure:
        reason = str(failure)
    span = yield from _span_of(context, job)
    if span.first == span.last:
        return (yield from call(context, SET_ASIDE, _set_aside(job, span, reason)))
    counts: Counts = {}
    for first, last in halves(span.first, span.last):
        part = yield from _check_range(context, job.within(Span(first=first, last=last)))
        if part.outcome != "ok":
            return part
        counts = add_counts(counts, part.counts)
    return PartResult(outcome="ok", counts=counts)


def _span_of(context: df.DurableOrchestrationContext, job: ChunkJob) -> Generator[Any, Any, Span]:
    """The documents that a job is about."""
    if job.span is not None:
        return job.span
    return (yield from call(context, FIND_CHUNK_BOUNDS, ChunkRef(batch=job.batch, chunk=job.chunk)))


def _set_aside(job: ChunkJob, span: Span, reason: str) -> SetAsideJob:
    return SetAsideJob(batch=job.batch, chunk=job.chunk, first=span.first, last=span.last, reason=reason)

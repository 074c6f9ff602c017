"""Check a chunk of a batch: read its documents, hold them against the rules, and write a row for each.

A document that breaks a rule is a row, never an error, and so is one that breaks its budget. What makes the
checker fail is raised: the workflow finds out which document it was, and has that one set aside.
"""

from __future__ import annotations

import hashlib
import logging
import time

from adapters.checking.checker import GivenUp
from adapters.services import Services
from invoicing.batching import ChunkContent, Document
from invoicing.outcomes import RowLine, line_of, set_aside_row
from invoicing.records.batch import Span
from invoicing.records.batch_steps import ChunkJob, ChunkRef, PartResult, SetAsideJob
from stores.batches import BatchStore
from stores.results import ResultStore

# After so many seconds a call ends with what it has, and the workflow goes on from there: documents that take
# long must not bring it near the host's functionTimeout.
_PATIENCE = 60.0


def check_chunk(services: Services, job: ChunkJob) -> PartResult:
    """Check a chunk or a part of it; the result has the `rest` where the time was over before the end.

    Repeating it writes the same rows again. Where an earlier run was lost, the rows that it wrote are used.
    """
    until = time.monotonic() + _PATIENCE
    if BatchStore(services.blobs).is_asked_to_stop(job.batch):
        return PartResult(outcome="stopped")
    results = ResultStore(services.blobs)
    known = results.counts(job.batch, job.chunk, job.span) if job.again else None
    if known is not None:
        return PartResult(outcome="ok", counts=known)

    content = services.sources.of(job.batch).read(job.chunk, job.first, job.last)
    checked = services.checker.check(content.documents, job.today, until)
    lines: list[RowLine] = []
    for document, result in zip(content.documents, checked, strict=False):
        if isinstance(result, GivenUp):
            logging.warning("document %d of batch %s was set aside", document.n, job.batch)
            result = _aside(services, job.batch, document, result.reason)
        lines.append(result)
    return _written(results, job, content, lines)


def _written(
    results: ResultStore, job: ChunkJob, content: ChunkContent, checked: list[RowLine]
) -> PartResult:
    """Write the rows as far as documents were checked."""
    left = content.documents[len(checked) :]
    span = job.span
    rest = None
    if left:
        numbers = content.numbers
        span = Span(first=numbers[0], last=left[0].n - 1)
        rest = Span(first=left[0].n, last=numbers[-1])
    refused = [line_of(row) for row in content.refused if not left or row.n < left[0].n]
    lines = sorted([*checked, *refused], key=lambda line: line.n)
    counts = results.write(job.batch, job.chunk, span, lines)
    return PartResult(outcome="ok", counts=counts, rest=rest)


def span_of_chunk(services: Services, chunk: ChunkRef) -> Span:
    """The documents of a chunk."""
    return BatchStore(services.blobs).manifest(chunk.batch).span(chunk.chunk)


def set_aside(services: Services, job: SetAsideJob) -> PartResult:
    """Take a document that keeps failing out of its batch: it is kept apart, and the report names it."""
    span = Span(first=job.first, last=job.last)
    content = services.sources.of(job.batch).read(job.chunk, span.first, span.last)
    reason = f"Processing it kept failing: {job.reason}"
    # One that was refused when the batch was unpacked has its row already.
    lines = [line_of(row) for row in content.refused]
    lines += [_aside(services, job.batch, document, reason) for document in content.documents]
    counts = ResultStore(services.blobs).write(job.batch, job.chunk, span, lines)
    return PartResult(outcome="ok", counts=counts)


def _aside(services: Services, batch: str, document: Document, reason: str) -> RowLine:
    """Keep a document apart; returns its row. `reason` is in words for people."""
    BatchStore(services.blobs).keep_aside(batch, document.n, document.content)
    digest = hashlib.sha256(document.content).hexdigest()
    return line_of(set_aside_row(document.n, document.name, len(document.content), digest, reason))

"""Check: read the documents of a chunk and hold them against the official rules and our own."""

from __future__ import annotations

import logging
import time
from datetime import date

import azure.durable_functions as df

from activities.results import counts_of, write_lines
from activities.set_aside import put_aside
from adapters import services
from adapters.checking.checker import GivenUp
from invoicing.batching import ChunkContent
from invoicing.outcomes import RowLine, line_of
from stores import batch_names
from stores.blobs import Blobs

bp = df.Blueprint()

# After so many seconds a call ends with what it has, and the workflow goes on from there: documents that take
# long must not bring it near the host's functionTimeout.
_PATIENCE = 60.0


@bp.activity_trigger(input_name="job")
def check_chunk(job: dict) -> dict:
    """Check a chunk, or its documents `first` to `last`, and write one row (NDJSON) per document.

    Input: `{"batch", "chunk", "today": ISO date, "first"?, "last"?, "again"?: bool}`. Output: `{"outcome":
    "ok", "counts"}`, with `"rest": {"first", "last"}` where documents are left for the next call; or
    `{"outcome": "stopped", "counts": {}}` where somebody stopped the batch. A document that breaks a rule is
    a row, never an error, and so is one that breaks its budget; repeating it writes the same rows again.
    With `again`, rows that an earlier run of the batch wrote are used.
    """
    until = time.monotonic() + _PATIENCE
    here = services.current()
    batch, chunk, first, last = job["batch"], job["chunk"], job.get("first"), job.get("last")
    if here.blobs.exists(batch_names.stop_mark(batch)):
        return {"outcome": "stopped", "counts": {}}
    name = batch_names.result(batch, chunk, first, last)
    if job.get("again") and (known := counts_written(here.blobs, name)) is not None:
        return {"outcome": "ok", "counts": known}
    content = here.sources.of(batch).read(chunk, first, last)
    results = here.checker.check(content.documents, date.fromisoformat(job["today"]), until)
    lines = []
    for document, result in zip(content.documents, results, strict=False):
        if isinstance(result, GivenUp):
            logging.warning("document %d of batch %s was set aside", document.n, batch)
            result = put_aside(here.blobs, batch, document, result.reason)
        lines.append(result)
    return _written(here.blobs, job, content, lines)


def _written(blobs: Blobs, job: dict, content: ChunkContent, checked: list[RowLine]) -> dict:
    """Write the rows as far as documents were checked; returns the answer of `check_chunk`."""
    batch, chunk, first, last = job["batch"], job["chunk"], job.get("first"), job.get("last")
    left = content.documents[len(checked) :]
    rest = {}
    if left:
        numbers = content.numbers
        rest = {"rest": {"first": left[0].n, "last": numbers[-1]}}
        first, last = numbers[0], left[0].n - 1
    refused = [line_of(row) for row in content.refused if not left or row["n"] < left[0].n]
    lines = sorted([*checked, *refused], key=lambda line: line.n)
    counts = write_lines(blobs, batch_names.result(batch, chunk, first, last), lines)
    return {"outcome": "ok", "counts": counts, **rest}


def counts_written(blobs: Blobs, name: str) -> dict[str, int] | None:
    """The counts of rows that were written; None where there are none of this name."""
    found = next((blob for blob in blobs.list(name) if blob.name == name), None)
    return counts_of(found) if found else None

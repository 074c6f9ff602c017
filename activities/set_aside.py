"""Set aside: a document whose processing kept failing leaves the batch, and the report names it."""

from __future__ import annotations

import hashlib

import azure.durable_functions as df

from activities.results import write_lines
from adapters import services
from invoicing.batching import Document
from invoicing.outcomes import RowLine, line_of, set_aside_row
from stores import batch_names
from stores.blobs import Blobs

bp = df.Blueprint()


@bp.activity_trigger(input_name="job")
def find_chunk_bounds(job: dict) -> dict:
    """The numbers of a chunk's first and last document: `{"first", "last"}`. Input: `{"batch", "chunk"}`."""
    numbers = services.current().sources.of(job["batch"]).read(job["chunk"]).numbers
    return {"first": numbers[0], "last": numbers[-1]}


@bp.activity_trigger(input_name="job")
def set_aside(job: dict) -> dict:
    """Copy a document to the batch's `dead/` folder and write its row.

    Input: `{"batch", "chunk", "first", "last", "reason"}` with first = last. Output as `check_chunk`.
    """
    here = services.current()
    blobs = here.blobs
    batch, chunk, n = job["batch"], job["chunk"], job["first"]
    content = here.sources.of(batch).read(chunk, n, n)
    if not content.documents:  # it was refused when the batch was unpacked, so its row is there already
        lines = [line_of(row) for row in content.refused]
        return {"outcome": "ok", "counts": write_lines(blobs, batch_names.result(batch, chunk, n, n), lines)}
    reason = f"Processing it kept failing: {job['reason']}"
    line = put_aside(blobs, batch, content.documents[0], reason)
    return {"outcome": "ok", "counts": write_lines(blobs, batch_names.result(batch, chunk, n, n), [line])}


def put_aside(blobs: Blobs, batch: str, document: Document, reason: str) -> RowLine:
    """Copy a document to the batch's `dead/` folder; returns its row. `reason` is in words for people."""
    blobs.write(batch_names.dead(batch, document.n), document.content)
    digest = hashlib.sha256(document.content).hexdigest()
    return line_of(set_aside_row(document.n, document.name, len(document.content), digest, reason))

"""Set aside: a document whose processing kept failing leaves the batch, and the report names it."""

from __future__ import annotations

import hashlib

import azure.durable_functions as df

from activities.check_chunk import write_rows
from adapters import services
from invoicing import batch_names
from invoicing.outcomes import set_aside_row

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
        counts = write_rows(blobs, batch_names.result(batch, chunk, n, n), content.refused)
        return {"outcome": "ok", "counts": counts}
    document = content.documents[0]
    blobs.write(batch_names.dead(batch, n), document.content)
    row = set_aside_row(
        n, document.name, len(document.content), hashlib.sha256(document.content).hexdigest(), job["reason"]
    )
    counts = write_rows(blobs, batch_names.result(batch, chunk, n, n), [row])
    return {"outcome": "ok", "counts": counts}

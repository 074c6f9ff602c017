"""Check: read the documents of a chunk and hold them against the official rules and our own."""

from __future__ import annotations

import json
import threading
from datetime import date

import azure.durable_functions as df

from activities.results import counts_of
from adapters import services
from adapters.blobs import Blobs
from invoicing import batch_names
from invoicing.assess import Checker, row
from invoicing.batching import Document
from invoicing.tally import count_outcomes

bp = df.Blueprint()

# Checking holds the interpreter lock, so threads only get in each other's way: chunks that a process has
# taken are checked one after the other, while the next one's bytes are on their way.
_one_chunk_at_a_time = threading.Lock()


@bp.activity_trigger(input_name="job")
def check_chunk(job: dict) -> dict:
    """Check a chunk, or its documents `first` to `last`, and write one row (NDJSON) per document.

    Input: `{"batch", "chunk", "today": ISO date, "first"?, "last"?, "again"?: bool}`. Output: `{"outcome":
    "ok", "counts"}` or `{"outcome": "stopped", "counts": {}}` where somebody stopped the batch. A document
    that breaks a rule is a row, never an error; repeating it writes the same rows again. With `again`, rows
    that an earlier run of the batch wrote are used.
    """
    here = services.current()
    batch, chunk, first, last = job["batch"], job["chunk"], job.get("first"), job.get("last")
    if here.blobs.exists(batch_names.stop_mark(batch)):
        return {"outcome": "stopped", "counts": {}}
    name = batch_names.result(batch, chunk, first, last)
    if job.get("again") and (known := counts_written(here.blobs, name)) is not None:
        return {"outcome": "ok", "counts": known}
    content = here.sources.of(batch).read(chunk, first, last)
    today = date.fromisoformat(job["today"])
    with _one_chunk_at_a_time:
        rows = [_checked(here.checker, document, today) for document in content.documents]
    rows = sorted([*rows, *content.refused], key=lambda one: one["n"])
    counts = write_rows(here.blobs, name, rows)
    return {"outcome": "ok", "counts": counts}


def _checked(checker: Checker, document: Document, today: date) -> dict:
    assessment = checker.assess(document.name, document.content, today)
    return row(document.n, document.name, document.content, assessment)


def counts_written(blobs: Blobs, name: str) -> dict[str, int] | None:
    """The counts of rows that were written; None where there are none of this name."""
    found = next((blob for blob in blobs.list(name) if blob.name == name), None)
    return counts_of(found) if found else None


def write_rows(blobs: Blobs, name: str, rows: list[dict]) -> dict[str, int]:
    """Write rows as NDJSON; their counts go into the blob's metadata.

    So that a listing tells the progress.
    """
    counts = count_outcomes(rows)
    text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows)
    blobs.write(name, text.encode(), {outcome: str(count) for outcome, count in counts.items()})
    return counts

"""Report: one pass over the rows for the totals, then one per format; memory does not grow with the batch."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from typing import IO

import azure.durable_functions as df

from activities.results import rows_of
from adapters import services
from adapters.blobs import Blobs
from invoicing import batch_names
from invoicing.outcomes import duplicate_row
from invoicing.report import WRITERS, Totals

bp = df.Blueprint()


class ResultsIncomplete(Exception):
    """The manifest has more documents than the results: a result blob was removed from outside."""


@bp.activity_trigger(input_name="job")
def write_report(job: dict) -> dict:
    """Write the batch's report in every format.

    Input: `{"batch", "finished": ISO time}`. Output: `{"counts": {outcome: documents}}`. The same results
    give the same bytes. The upload is removed afterwards where every document of it stands in a chunk.
    """
    blobs, batch = services.current().blobs, job["batch"]
    manifest = json.loads(blobs.read(batch_names.manifest(batch)))
    head = _head(blobs, batch, job["finished"])
    with tempfile.TemporaryFile() as rows_file:
        totals = _gather(blobs, batch, rows_file)
        counts = totals["outcomes"]
        _complete(manifest, counts)
        for kind, (_, write) in WRITERS.items():
            with tempfile.TemporaryFile() as out:
                write(head, totals, _read(rows_file), out)
                out.seek(0)
                blobs.write(batch_names.report(batch, kind), out)
    if not any(chunk["refused"] for chunk in manifest["chunks"]):
        blobs.delete(batch_names.upload(batch))
    return {"counts": counts}


def _head(blobs: Blobs, batch: str, finished: str) -> dict:
    record = json.loads(blobs.read(batch_names.record(batch)))
    return {
        "batch": batch,
        "created": record["created"],
        "finished": finished,
        "source": record["source"].get("name") or record["source"]["kind"],
    }


def _gather(blobs: Blobs, batch: str, rows_file: IO[bytes]) -> dict:
    """Write the final rows to a file and add them up."""
    duplicates = json.loads(blobs.read(batch_names.claims(batch)))["duplicates"]
    totals = Totals()
    for row in rows_of(blobs, batch):
        holder = duplicates.get(str(row["n"]))
        final = duplicate_row(row, batch, holder) if holder else row
        totals.add(final)
        rows_file.write(json.dumps(final, ensure_ascii=False).encode() + b"\n")
    return totals.as_dict()


def _read(rows_file: IO[bytes]) -> Iterator[dict]:
    rows_file.seek(0)
    return map(json.loads, rows_file)


def _complete(manifest: dict, counts: dict[str, int]) -> None:
    expected = sum(len(chunk["documents"]) + len(chunk["refused"]) for chunk in manifest["chunks"])
    found = sum(counts.values())
    if found != expected:
        raise ResultsIncomplete(
            f"the manifest has {expected} documents and the results {found}; nothing is written"
        )

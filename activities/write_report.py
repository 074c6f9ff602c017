"""Report: one pass over the final rows for the totals, then one per format; memory holds one row."""

from __future__ import annotations

import json
import tempfile
from typing import IO

import azure.durable_functions as df

from activities.results import final_rows
from adapters import services
from invoicing.report import WRITERS, Totals
from stores import batch_names
from stores.blobs import Blobs

bp = df.Blueprint()


@bp.activity_trigger(input_name="job")
def write_report(job: dict) -> dict:
    """Write the batch's report in some formats.

    Input: `{"batch", "finished": ISO time, "formats": ["json" | "csv" | "xlsx" | "html"]}`. Output:
    `{"written": formats}`. The same rows give the same bytes.
    """
    blobs, batch = services.current().blobs, job["batch"]
    head = _head(blobs, batch, job["finished"])
    with tempfile.TemporaryFile() as rows:
        blobs.read_into(batch_names.rows(batch), rows)
        totals = _totals(rows)
        for kind in job["formats"]:
            _, write = WRITERS[kind]
            with tempfile.TemporaryFile() as out:
                write(head, totals, final_rows(rows), out)
                out.seek(0)
                blobs.write(batch_names.report(batch, kind), out)
    return {"written": job["formats"]}


def _head(blobs: Blobs, batch: str, finished: str) -> dict:
    record = json.loads(blobs.read(batch_names.record(batch)))
    return {
        "batch": batch,
        "created": record["created"],
        "finished": finished,
        "source": record["source"].get("name") or record["source"]["kind"],
    }


def _totals(rows: IO[bytes]) -> dict:
    totals = Totals()
    for row in final_rows(rows):
        totals.add(row)
    return totals.as_dict()

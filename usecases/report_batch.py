"""Report on a batch: the final rows and their totals in the formats that people and programs read."""

from __future__ import annotations

import tempfile

from adapters.services import Services
from invoicing.records.batch_steps import ReportJob, ReportWritten
from invoicing.records.report import ReportHead
from invoicing.report import WRITERS
from stores.batches import BatchStore
from stores.results import ResultStore


def write_report(services: Services, job: ReportJob) -> ReportWritten:
    """Write some formats. The totals stand beside the rows; the same rows give the same bytes."""
    batches = BatchStore(services.blobs)
    head = _head(batches, job)
    totals = batches.totals(job.batch)
    with ResultStore(services.blobs).final(job.batch) as rows:
        for form in job.formats:
            _, write = WRITERS[form]
            with tempfile.TemporaryFile() as out:
                write(head, totals, rows, out)
                out.seek(0)
                batches.write_report(job.batch, form, out)
    return ReportWritten(written=job.formats)


def _head(batches: BatchStore, job: ReportJob) -> ReportHead:
    record = batches.record(job.batch)
    source = record.source.name or record.source.kind
    return ReportHead(batch=job.batch, created=record.created, finished=job.finished, source=source)

"""The files of a batch: its report, and its documents as they came in."""

from __future__ import annotations

import asyncio

import azure.durable_functions as df

from stores.batch_sources import read_document
from stores.batches import BatchStore
from stores.blobs import BlobMissing, Blobs
from usecases.archived import refuse_purged, refuse_purged_documents
from usecases.batch_status import read_batch
from usecases.refusals import NotNow, Unknown
from usecases.run_status import status_of


async def report_of(client: df.DurableOrchestrationClient, blobs: Blobs, batch: str, kind: str) -> bytes:
    """The report of a batch in one of its formats. Raises Unknown, and NotNow where there is none yet."""
    await asyncio.to_thread(read_batch, blobs, batch)
    run = await status_of(client, blobs, batch)
    if run.state != "completed":
        text = f"There is no report: the batch is {run.state}."
        raise NotNow("no_report", text, {"status": run.state})
    return await asyncio.to_thread(_report, blobs, batch, kind)


def _report(blobs: Blobs, batch: str, kind: str) -> bytes:
    try:
        return BatchStore(blobs).report(batch, kind)
    except BlobMissing:
        refuse_purged(blobs, batch)  # it is being purged just now
        raise


def document_of(blobs: Blobs, batch: str, n: int) -> tuple[str, bytes]:
    """Name and content of document `n`. Raises Unknown, Gone, and NotNow before the batch is unpacked."""
    read_batch(blobs, batch)
    try:
        return _document(blobs, batch, n)
    except BlobMissing:
        refuse_purged_documents(blobs, batch)
        raise


def _document(blobs: Blobs, batch: str, n: int) -> tuple[str, bytes]:
    manifest = BatchStore(blobs).manifest_if_any(batch)
    if manifest is None:
        raise NotNow("not_unpacked", "The batch is not unpacked yet. Try again in a moment.")
    if manifest.chunk_of(n) is None:
        raise Unknown("unknown_document", f"The batch has no document {n}.")
    found = read_document(blobs, batch, manifest, n)
    if found is None:
        raise Unknown("document_not_taken", "The document was not taken; the report says why.")
    return found.name, found.content

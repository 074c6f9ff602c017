"""Unpack: from what came in to chunks of documents and a manifest."""

from __future__ import annotations

import json
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import BinaryIO, cast

import azure.durable_functions as df

from adapters import services
from adapters.blobs import BlobInfo, BlobMissing, Blobs, StorageRefused
from adapters.services import Services
from invoicing import batch_names
from invoicing.archive import BadArchive, Entry, Limits, entries, loose_entry, oversized_entry
from invoicing.batching import Chunk, pack

bp = df.Blueprint()

# Chunks that are written at the same time, each of 4 MB at most.
_UPLOADS = 3
# Blobs of a caller's container that are read ahead: a few hide the latency, more would fill the memory.
_READ_AHEAD = 8


@bp.activity_trigger(input_name="job")
def unpack_batch(job: dict) -> dict:
    """Pack the batch's documents into chunks and write the manifest.

    Input: the batch orchestration's. Output: `{"outcome": "ok", "documents", "chunks", "refused"}`, all
    counts (`refused`: documents that were not taken), or `{"outcome": "bad", "error": {"code", "message"}}`
    where the source holds nothing that can be unpacked.
    Repeating it writes the same blobs again.
    """
    here = services.current()
    try:
        if job["source"]["kind"] == "container":
            return _store(here, job["batch"], _from_container(here, job["source"]))
        with tempfile.SpooledTemporaryFile(max_size=32 * 1024 * 1024) as file:
            here.blobs.read_into(batch_names.upload(job["batch"]), file)
            file.seek(0)
            return _store(here, job["batch"], entries(cast(BinaryIO, file), here.settings.limits))
    except BadArchive as error:
        return _bad(error.code, str(error))
    except StorageRefused as error:
        return _bad("source_refused", str(error))


def _bad(code: str, message: str) -> dict:
    return {"outcome": "bad", "error": {"code": code, "message": message}}


@bp.activity_trigger(input_name="batch")
def remove_upload(batch: str) -> None:
    """Remove the upload of a batch whose documents stand in its chunks; one that is gone is no error."""
    services.current().blobs.delete(batch_names.upload(batch))


def _store(here: Services, batch: str, found: Iterable[Entry]) -> dict:
    """Write the chunks, a few at a time while the next is packed; memory holds no more than those."""
    settings = here.settings
    chunks: list[dict] = []
    with ThreadPoolExecutor(_UPLOADS) as uploader:
        pending: deque[Future[None]] = deque()
        for chunk in pack(found, settings.chunk_documents, settings.chunk_bytes):
            if len(pending) == _UPLOADS:
                pending.popleft().result()
            name = batch_names.source(batch, chunk.index)
            pending.append(uploader.submit(here.blobs.write, name, chunk.data))
            chunks.append(_described(chunk))
        for upload in pending:
            upload.result()
    refused = sum(len(chunk["refused"]) for chunk in chunks)
    documents = refused + sum(len(chunk["documents"]) for chunk in chunks)
    if documents == 0:
        return _bad("empty_batch", "The source holds no documents. Check the container and the prefix.")
    here.blobs.write(batch_names.manifest(batch), json.dumps({"chunks": chunks}).encode())
    return {"outcome": "ok", "documents": documents, "chunks": len(chunks), "refused": refused}


def _described(chunk: Chunk) -> dict:
    return {"documents": chunk.documents, "refused": [row["n"] for row in chunk.refused]}


def _from_container(here: Services, source: dict) -> Iterator[Entry]:
    blobs, limits = here.source(source["container"]), here.settings.limits
    listed = blobs.list(source["prefix"])
    with ThreadPoolExecutor(_READ_AHEAD) as readers:
        while some := list(islice(listed, _READ_AHEAD)):
            yield from readers.map(lambda blob: _entry(blobs, blob, limits), some)


def _entry(blobs: Blobs, blob: BlobInfo, limits: Limits) -> Entry:
    if blob.size > limits.max_document:
        return oversized_entry(blob.name, blob.size, limits)
    try:
        return loose_entry(blob.name, blobs.read(blob.name), limits)
    except BlobMissing:  # it was there when the container was listed
        return loose_entry(blob.name, b"", limits)

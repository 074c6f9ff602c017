"""Unpack: from what came in to a manifest of chunks of documents."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import BinaryIO, cast

import azure.durable_functions as df

from adapters import services
from adapters.services import Services
from invoicing.archive import Archive, BadArchive, Entry, Limits, loose_entry, oversized_entry
from invoicing.batching import documents_of, pack, plan
from stores import batch_names
from stores.blobs import BlobInfo, BlobMissing, Blobs, StorageRefused
from stores.ranged import RangedBlob

bp = df.Blueprint()

# Chunks that are written at the same time, each of 4 MB at most.
_UPLOADS = 3
# Blobs of a caller's container that are read ahead: a few hide the latency, more would fill the memory.
_READ_AHEAD = 8


@bp.activity_trigger(input_name="job")
def unpack_batch(job: dict) -> dict:
    """Divide the batch's documents into chunks and write the manifest.

    A zip stays as it was sent, and is read part by part; documents out of a container are packed. Input: the
    batch orchestration's. Output: `{"outcome": "ok", "documents", "chunks"}` (counts), or `{"outcome": "bad",
    "error": {"code", "message"}}` where the source holds nothing that can be unpacked. Repeating it writes
    the same blobs again; with `again` in the input, the manifest of an earlier run is used, as a container
    may hold other documents by now.
    """
    here = services.current()
    try:
        if job.get("again") and here.blobs.exists(batch_names.manifest(job["batch"])):
            return _unpacked(json.loads(here.blobs.read(batch_names.manifest(job["batch"]))))
        if job["source"]["kind"] == "container":
            return _pack(here, job["batch"], _from_container(here, job["source"]))
        return _divide(here, job["batch"])
    except BadArchive as error:
        return _bad(error.code, str(error))
    except StorageRefused as error:
        return _bad("source_refused", str(error))


def _bad(code: str, message: str) -> dict:
    return {"outcome": "bad", "error": {"code": code, "message": message}}


def _divide(here: Services, batch: str) -> dict:
    """Divide the zip of an upload by its directory; no document is read yet."""
    settings, name = here.settings, batch_names.upload(batch)
    size = here.blobs.size(name)
    archive = Archive(cast(BinaryIO, RangedBlob(here.blobs, name, size)), settings.limits)
    listed = [archive.announced(index) for index in range(len(archive))]
    sizes = [None if entry.finding else entry.size for entry in listed]
    bounds = plan(sizes, settings.chunk_documents, settings.chunk_bytes)
    chunks = [_part(listed, first, last) for first, last in bounds]
    return _written(here, batch, {"upload": size, "chunks": chunks})


def _part(listed: list[Entry], first: int, last: int) -> dict:
    """One chunk of an upload in the manifest."""
    entries = list(enumerate(listed[first - 1 : last], start=first))
    return {
        "first": first,
        "last": last,
        "documents": [{"n": n, "name": one.name, "size": one.size} for n, one in entries if not one.finding],
        "refused": [n for n, one in entries if one.finding],
    }


def _pack(here: Services, batch: str, found: Iterable[Entry]) -> dict:
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
            refused = [row["n"] for row in chunk.refused]
            chunks.append({"documents": chunk.documents, "refused": refused})
        for upload in pending:
            upload.result()
    if not chunks:
        return _bad("empty_batch", "The source holds no documents. Check the container and the prefix.")
    return _written(here, batch, {"chunks": chunks})


def _written(here: Services, batch: str, manifest: dict) -> dict:
    here.blobs.write(batch_names.manifest(batch), json.dumps(manifest).encode())
    return _unpacked(manifest)


def _unpacked(manifest: dict) -> dict:
    return {"outcome": "ok", "documents": documents_of(manifest), "chunks": len(manifest["chunks"])}


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

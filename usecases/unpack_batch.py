"""Unpack a batch: divide its documents into chunks, and write how.

A zip stays as it was sent, and is read part by part. Documents out of a container are packed, since one blob
for each document costs more than checking it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from adapters.services import Services
from invoicing.archive import BadArchive, Entry, Limits, loose_entry, oversized_entry
from invoicing.batching import Chunk, pack, plan
from invoicing.records.batch import BatchSource, Manifest
from invoicing.records.batch_steps import BatchJob, Unpacked
from invoicing.records.problem import Problem
from stores.batch_sources import uploaded_zip
from stores.batches import BatchStore
from stores.blobs import BlobInfo, BlobMissing, Blobs, StorageRefused

# Chunks that are written at the same time, each of 4 MB at most.
_UPLOADS = 3
# Blobs of a caller's container that are read ahead: a few hide the latency, more would fill the memory.
_READ_AHEAD = 8


def unpack_batch(services: Services, job: BatchJob) -> Unpacked:
    """Divide a batch; `bad` where its source holds nothing that can be unpacked.

    Repeating it writes the same blobs again. Where an earlier run was lost, its division is used: a container
    may hold other documents by now.
    """
    batches = BatchStore(services.blobs)
    try:
        is_divided = job.again or job.source.kind == "sweep"
        manifest = batches.manifest_if_any(job.batch) if is_divided else None
        if manifest is None:
            manifest = _divided(services, job)
            if manifest.documents:
                batches.divide(job.batch, manifest)
    except BadArchive as error:
        return _bad(error.code, str(error))
    except StorageRefused as error:
        return _bad("source_refused", str(error))
    if not manifest.documents:
        return _bad("empty_batch", "The source holds no documents. Check the container and the prefix.")
    return Unpacked(outcome="ok", documents=manifest.documents, chunks=manifest.chunks)


def _bad(code: str, message: str) -> Unpacked:
    return Unpacked(outcome="bad", error=Problem(code=code, message=message))


def _divided(services: Services, job: BatchJob) -> Manifest:
    if job.source.kind == "upload":
        return _division_of_zip(services, job.batch)
    if job.source.kind == "sweep":
        return Manifest()  # somebody removed it; the container holds other documents by now
    return _packed(services, job.batch, _from_container(services, job.source))


def _division_of_zip(services: Services, batch: str) -> Manifest:
    """Divide the zip of an upload by its directory; no document is read yet."""
    settings = services.settings
    size = BatchStore(services.blobs).upload_size(batch)
    archive = uploaded_zip(services.blobs, batch, size, settings.limits)
    listed = [archive.announced(index) for index in range(len(archive))]
    sizes = [None if entry.finding else entry.size for entry in listed]
    bounds = plan(sizes, settings.chunk_documents, settings.chunk_bytes)
    BatchStore(services.blobs).keep_places(batch, archive.places())
    refused = tuple(n for n, entry in enumerate(listed, start=1) if entry.finding)
    return Manifest(lasts=tuple(last for _, last in bounds), refused=refused, upload=size)


def _packed(services: Services, batch: str, entries: Iterable[Entry]) -> Manifest:
    """Write the chunks, a few at a time while the next is packed; memory holds no more than those."""
    settings = services.settings
    batches = BatchStore(services.blobs)
    lasts: list[int] = []
    refused: list[int] = []

    def keep(chunk: Chunk) -> None:
        batches.keep_pack(batch, chunk.index, chunk.data)

    with ThreadPoolExecutor(_UPLOADS) as uploader:
        pending: deque[Future[None]] = deque()
        for chunk in pack(entries, settings.chunk_documents, settings.chunk_bytes):
            if len(pending) == _UPLOADS:
                pending.popleft().result()
            pending.append(uploader.submit(keep, chunk))
            lasts.append(chunk.last_n)
            refused += [row.n for row in chunk.refused]
        for upload in pending:
            upload.result()
    return Manifest(lasts=tuple(lasts), refused=tuple(refused))


def _from_container(services: Services, source: BatchSource) -> Iterator[Entry]:
    blobs = services.source(source.container or "")
    limits = services.settings.limits
    listed = blobs.list(source.prefix or "")

    def read(blob: BlobInfo) -> Entry:
        return _entry(blobs, blob, limits)

    with ThreadPoolExecutor(_READ_AHEAD) as readers:
        while some := list(islice(listed, _READ_AHEAD)):
            yield from readers.map(read, some)


def _entry(blobs: Blobs, blob: BlobInfo, limits: Limits) -> Entry:
    if blob.size > limits.max_document:
        return oversized_entry(blob.name, blob.size, limits)
    try:
        return loose_entry(blob.name, blobs.read(blob.name), limits)
    except BlobMissing:  # it was there when the container was listed
        return loose_entry(blob.name, b"", limits)

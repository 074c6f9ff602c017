"""The documents of a batch, wherever they lie: in the zip that was sent, or in packs that were made of them.

What was sent as one zip stays as it is: its directory says where each document lies, and a chunk is a part of
the zip, fetched in one request. Documents out of somebody's container are packed (`invoicing.batching`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import BinaryIO, Protocol, cast

from invoicing.archive import DEFAULT_LIMITS, MIB, Archive, BadArchive, Limits, lone_archive
from invoicing.batching import ChunkContent, Document, read_chunk
from invoicing.outcomes import refused_row
from invoicing.records.batch import Manifest
from stores import batch_names
from stores.batches import BatchStore
from stores.blobs import BlobMissing, Blobs
from stores.ranged import RangedBlob

# A part of a zip that is longer is read document by document: its directory is in another order than the zip.
_LONGEST_PART = 64 * MIB
# Batches whose directory a process remembers.
_REMEMBERED = 4


class Source(Protocol):
    """Where the documents of a batch come from. Safe to use from several threads."""

    def read(self, chunk: int, first: int | None = None, last: int | None = None) -> ChunkContent:
        """A chunk, or its documents ``first`` to ``last``. Raises BlobMissing."""
        ...


class UploadedZip:
    """The zip of a request, of `size` bytes, whose parts are the chunks of a manifest."""

    def __init__(self, blobs: Blobs, name: str, size: int, manifest: Manifest, limits: Limits) -> None:
        """Fetch the zip's directory. Raises BlobMissing, BadArchive."""
        self._file = RangedBlob(blobs, name, size)
        self._archive = Archive(cast(BinaryIO, self._file), limits)
        self._manifest = manifest
        self._one_at_a_time = threading.Lock()

    def read(self, chunk: int, first: int | None = None, last: int | None = None) -> ChunkContent:
        """A chunk, or its documents ``first`` to ``last``."""
        span = self._manifest.span(chunk)
        numbers = range(max(span.first, first or 0), min(span.last, last or span.last) + 1)
        content = ChunkContent([], [])
        if not numbers:
            return content
        start, stop = self._archive.span(numbers[0] - 1, numbers[-1] - 1)
        with self._file.held(start, min(stop, start + _LONGEST_PART)), self._one_at_a_time:
            for n in numbers:
                entry = self._archive.read(n - 1)
                if entry.finding is not None:
                    content.refused.append(refused_row(n, entry.name, entry.size, entry.finding))
                else:
                    content.documents.append(Document(n, entry.name, entry.content or b""))
        return content


class Packs:
    """Chunks that were packed when the batch was unpacked."""

    def __init__(self, blobs: Blobs, batch: str) -> None:
        self._blobs = blobs
        self._batch = batch

    def read(self, chunk: int, first: int | None = None, last: int | None = None) -> ChunkContent:
        """A chunk, or its documents ``first`` to ``last``."""
        return read_chunk(self._blobs.read(batch_names.source(self._batch, chunk)), first, last)


def open_source(blobs: Blobs, batch: str, limits: Limits = DEFAULT_LIMITS) -> Source:
    """Read where the documents of a batch lie. Raises BlobMissing where it was not unpacked."""
    manifest = BatchStore(blobs).manifest(batch)
    return source_of(blobs, batch, manifest, limits)


def source_of(blobs: Blobs, batch: str, manifest: Manifest, limits: Limits = DEFAULT_LIMITS) -> Source:
    """The documents that a manifest divides."""
    if manifest.upload is None:
        return Packs(blobs, batch)
    return UploadedZip(blobs, batch_names.upload(batch), manifest.upload, manifest, limits)


def uploaded_zip(blobs: Blobs, batch: str, size: int, limits: Limits) -> Archive:
    """The zip of a batch's upload, of `size` bytes, read part by part. Raises BlobMissing and BadArchive."""
    return Archive(cast(BinaryIO, RangedBlob(blobs, batch_names.upload(batch), size)), limits)


def read_document(
    blobs: Blobs, batch: str, manifest: Manifest, n: int, limits: Limits = DEFAULT_LIMITS
) -> Document | None:
    """Document `n` of a batch; None where there is none, or it was not taken. Raises BlobMissing, BadArchive.

    It costs the same in a batch of any size: of a zip, only the document's part and its record are read.
    """
    chunk = manifest.chunk_of(n)
    if chunk is None or n in manifest.refused:
        return None
    found = _read_alone(blobs, batch, n, limits) if manifest.upload is not None else None
    if found is not None:
        return found
    # Somebody may have put another zip in its place: what its own directory says is told then.
    documents = source_of(blobs, batch, manifest, limits).read(chunk, n, n).documents
    return documents[0] if documents else None


def _read_alone(blobs: Blobs, batch: str, n: int, limits: Limits) -> Document | None:
    """A document of an upload by its place; None where that place has no whole document."""
    name = batch_names.upload(batch)
    try:
        place = BatchStore(blobs).place(batch, n)
        content = blobs.read_range(name, place.start, place.length)
        record = blobs.read_range(name, place.record, place.record_length)
        entry = lone_archive(content, record, limits).read(0)
    except (BadArchive, BlobMissing):
        return None
    return None if entry.content is None else Document(n, entry.name, entry.content)


class Sources:
    """The sources of the batches that a process works at, each opened once.

    What was sent and how it is divided never changes, so that it can be kept.
    """

    def __init__(self, blobs: Blobs, limits: Limits) -> None:
        self._blobs = blobs
        self._limits = limits
        self._known: OrderedDict[str, Source] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, batch: str) -> Source:
        """The source of a batch. Raises BlobMissing where it was not unpacked."""
        with self._lock:
            if batch not in self._known:
                self._known[batch] = open_source(self._blobs, batch, self._limits)
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
            self._known.move_to_end(batch)
            return self._known[batch]

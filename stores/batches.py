"""Batches in storage: what was taken in, the wish to stop, how a batch is divided, its report, their list."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import IO

from pydantic import TypeAdapter

from invoicing.archive import Place
from invoicing.batching import Chunk, read_chunk
from invoicing.records.batch import BatchRecord, Manifest
from invoicing.records.report import BatchTotals
from stores import batch_names, records
from stores.blobs import BlobConflict, BlobMissing, Blobs
from stores.records import RecordDamaged

_RECORD = TypeAdapter(BatchRecord)
_MANIFEST = TypeAdapter(Manifest)
_TOTALS = TypeAdapter(BatchTotals)
_PLACE = struct.Struct("<4Q")


@dataclass(frozen=True)
class BatchesPage:
    """A page of the list of batches: their ids, the newest first, and the token of the next page, if any.

    An id may be none of ours, where somebody else wrote into the list.
    """

    ids: list[str]
    next_token: str | None


class BatchStore:
    """What is stored of batches, apart from their documents and rows. Safe to use from several threads."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    # ------------------------------------------------------------ taking in

    def create(self, record: BatchRecord) -> None:
        """Keep the record of a new batch. Raises BlobConflict where there is one."""
        self._blobs.create(batch_names.record(record.batch), _RECORD.dump_json(record))

    def exists(self, batch: str) -> bool:
        """Say whether there is such a batch."""
        return self._blobs.exists(batch_names.record(batch))

    def record(self, batch: str) -> BatchRecord:
        """What was asked for. Raises BlobMissing and RecordDamaged."""
        name = batch_names.record(batch)
        return records.from_json(_RECORD, name, self._blobs.read(name))

    def prepare(self, record: BatchRecord, upload: bytes | None) -> None:
        """Store what a batch's run begins with, list the batch, and forget a wish to stop it."""
        if upload is not None:
            # An equal request that was quicker wrote the same bytes: the record has their hash.
            with contextlib.suppress(BlobConflict):
                self._blobs.write(batch_names.upload(record.batch), upload)
        self._blobs.delete(batch_names.stop_mark(record.batch))
        self._blobs.write(batch_names.index(record.batch, record.created), b"")

    def newest(self, top: int, token: str | None) -> BatchesPage:
        """A page of at most `top` batches. Raises StorageRefused for a token that is not ours."""
        page = self._blobs.page(batch_names.INDEX, top, token)
        return BatchesPage([batch_names.batch_of_index(blob.name) for blob in page.blobs], page.next_token)

    # ------------------------------------------------------------ stopping

    def ask_to_stop(self, batch: str) -> None:
        """Note that a batch is to be stopped; its run sees it before it begins something new."""
        self._blobs.write(batch_names.stop_mark(batch), b"")

    def is_asked_to_stop(self, batch: str) -> bool:
        """Say whether somebody asked that a batch be stopped."""
        return self._blobs.exists(batch_names.stop_mark(batch))

    # ------------------------------------------------------------ chunks

    def upload_size(self, batch: str) -> int:
        """The size in bytes of the zip that was sent. Raises BlobMissing."""
        return self._blobs.size(batch_names.upload(batch))

    def divide(self, batch: str, manifest: Manifest) -> None:
        """Write how the batch is divided into chunks."""
        self._blobs.write(batch_names.manifest(batch), manifest.as_json())

    def manifest(self, batch: str) -> Manifest:
        """How the batch is divided. Raises BlobMissing (it is not unpacked yet) and RecordDamaged."""
        name = batch_names.manifest(batch)
        return records.from_json(_MANIFEST, name, self._blobs.read(name))

    def manifest_if_any(self, batch: str) -> Manifest | None:
        """How the batch is divided; None where it is not unpacked yet."""
        try:
            return self.manifest(batch)
        except BlobMissing:
            return None

    def keep_places(self, batch: str, places: Iterable[Place]) -> None:
        """Write where each document lies in the zip that was sent, each in as many bytes."""
        packed = (_PLACE.pack(*astuple(place)) for place in places)
        self._blobs.write(batch_names.places(batch), b"".join(packed))

    def place(self, batch: str, n: int) -> Place:
        """Where document `n` lies in the zip that was sent. Raises BlobMissing and RecordDamaged.

        It is found by its number alone, so it takes the same time in a batch of any size.
        """
        name = batch_names.places(batch)
        data = self._blobs.read_range(name, (n - 1) * _PLACE.size, _PLACE.size)
        if len(data) != _PLACE.size:
            raise RecordDamaged(name)
        return Place(*_PLACE.unpack(data))

    def keep_pack(self, batch: str, chunk: int, data: bytes) -> None:
        """Write a pack of documents that came out of a container."""
        self._blobs.write(batch_names.source(batch, chunk), data)

    def keep_pack_once(self, batch: str, number: int, chunk: Chunk) -> list[int]:
        """Write a pack, unless it is there already; returns the documents in it that were not taken."""
        name = batch_names.source(batch, number)
        try:
            self._blobs.create(name, chunk.data)
        except BlobConflict:
            return [row.n for row in read_chunk(self._blobs.read(name)).refused]
        return [row.n for row in chunk.refused]

    def forget_division(self, batch: str) -> None:
        """Remove packs and manifest of a batch that never came to be."""
        self._blobs.delete(batch_names.manifest(batch))
        for blob in self._blobs.list(batch_names.sources(batch)):
            self._blobs.delete(blob.name)

    def keep_aside(self, batch: str, n: int, content: bytes) -> None:
        """Keep a document that could not be processed, apart from the others."""
        self._blobs.write(batch_names.dead(batch, n), content)

    # ------------------------------------------------------------ the report

    def write_totals(self, batch: str, totals: BatchTotals) -> None:
        """Write the totals of the final rows."""
        self._blobs.write(batch_names.totals(batch), totals.as_json())

    def totals(self, batch: str) -> BatchTotals:
        """The totals of the final rows. Raises BlobMissing (nothing is claimed yet) and RecordDamaged."""
        name = batch_names.totals(batch)
        return records.from_json(_TOTALS, name, self._blobs.read(name))

    def write_report(self, batch: str, form: str, file: IO[bytes]) -> None:
        """Write the report in one format."""
        self._blobs.write(batch_names.report(batch, form), file)

    def has_report(self, batch: str, form: str) -> bool:
        """Say whether the report is there in one format."""
        return self._blobs.exists(batch_names.report(batch, form))

    def report(self, batch: str, form: str) -> bytes:
        """The report in one format. Raises BlobMissing."""
        return self._blobs.read(batch_names.report(batch, form))

"""Batches in storage: what was taken in, how it is divided, and its report."""

from __future__ import annotations

from typing import IO

from pydantic import TypeAdapter

from invoicing.records.batch import BatchRecord, Manifest
from invoicing.records.report import BatchTotals
from stores import batch_names, records
from stores.blobs import BlobMissing, Blobs

_RECORD = TypeAdapter(BatchRecord)
_MANIFEST = TypeAdapter(Manifest)
_TOTALS = TypeAdapter(BatchTotals)


class DocumentUnknown(Exception):
    """The batch has no document of this number."""


class BatchStore:
    """What is stored of batches, apart from their documents and rows. Safe to use from several threads."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    # ------------------------------------------------------------ taking in

    def record(self, batch: str) -> BatchRecord:
        """What was asked for. Raises BlobMissing and RecordDamaged."""
        name = batch_names.record(batch)
        return records.from_json(_RECORD, name, self._blobs.read(name))

    def upload_size(self, batch: str) -> int:
        """The size in bytes of the zip that was sent. Raises BlobMissing."""
        return self._blobs.size(batch_names.upload(batch))

    # ------------------------------------------------------------ chunks

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

    def chunk_of(self, batch: str, n: int) -> int:
        """The chunk that holds document `n`. Raises DocumentUnknown and BlobMissing.

        It takes the same time in a batch of any size: a manifest is one number for 50 documents.
        """
        chunk = self.manifest(batch).chunk_of(n)
        if chunk is None:
            raise DocumentUnknown(f"{batch} has no document {n}")
        return chunk

    def keep_pack(self, batch: str, chunk: int, data: bytes) -> None:
        """Write a pack of documents that came out of a container."""
        self._blobs.write(batch_names.source(batch, chunk), data)

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

    def report(self, batch: str, form: str) -> bytes:
        """The report in one format. Raises BlobMissing."""
        return self._blobs.read(batch_names.report(batch, form))

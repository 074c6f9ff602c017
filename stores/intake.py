"""What is stored when a batch is taken in; the wish to stop a batch; the list of batches."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from invoicing.records.batch import BatchRecord
from stores import batch_names, intake_records
from stores.blobs import BlobConflict, Blobs


@dataclass(frozen=True)
class BatchesPage:
    """A page of the list of batches: their ids, the newest first, and the token of the next page, if any.

    An id may be none of ours, where somebody else wrote into the list.
    """

    ids: list[str]
    next_token: str | None


def create_batch(blobs: Blobs, record: BatchRecord) -> None:
    """Keep the record of a new batch. Raises BlobConflict where there is one."""
    blobs.create(batch_names.record(record.batch), intake_records.to_bytes(record))


def prepare_batch(blobs: Blobs, record: BatchRecord, upload: bytes | None) -> None:
    """Store what a batch's run begins with, list the batch, and forget a wish to stop it."""
    if upload is not None:
        # An equal request that was quicker wrote the same bytes: the record has their hash.
        with contextlib.suppress(BlobConflict):
            blobs.write(batch_names.upload(record.batch), upload)
    blobs.delete(batch_names.stop_mark(record.batch))
    blobs.write(batch_names.index(record.batch, record.created), b"")


def ask_to_stop(blobs: Blobs, batch: str) -> None:
    """Note that a batch is to be stopped; its run sees it before it begins something new."""
    blobs.write(batch_names.stop_mark(batch), b"")


def is_asked_to_stop(blobs: Blobs, batch: str) -> bool:
    """Say whether somebody asked that a batch be stopped."""
    return blobs.exists(batch_names.stop_mark(batch))


def batches_page(blobs: Blobs, top: int, token: str | None) -> BatchesPage:
    """A page of at most `top` batches. Raises StorageRefused for a token that is not ours."""
    page = blobs.page(batch_names.INDEX, top, token)
    return BatchesPage([batch_names.batch_of_index(blob.name) for blob in page.blobs], page.next_token)

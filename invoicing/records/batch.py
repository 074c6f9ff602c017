"""A batch: what was taken in, how it is divided into chunks, and what is counted of it."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, PlainSerializer
from pydantic.dataclasses import dataclass

from invoicing.records.base import BatchId, Record, optional
from invoicing.records.document import DocumentRow, Outcome

Counts = dict[Outcome, int]
"""Documents by outcome; outcomes that do not occur are left out."""


def in_milliseconds(moment: datetime) -> str:
    """A moment as records and answers have it: ISO 8601 with milliseconds."""
    return moment.isoformat(timespec="milliseconds")


TakenIn = Annotated[AwareDatetime, PlainSerializer(in_milliseconds, return_type=str, when_used="json")]
"""When something was taken in; in JSON with milliseconds."""


@dataclass(frozen=True)
class BatchSource:
    """Where a batch's documents come from: a zip of `size` bytes, or a container's blobs below a prefix.

    `sweep`: out of a container as well, but packed and divided before the batch was started.
    """

    kind: Literal["upload", "container", "sweep"]
    name: str
    size: int | None = None
    container: str | None = None
    prefix: str | None = None


@dataclass(frozen=True)
class BatchRecord:
    """A batch as it was taken in.

    `fingerprint`: hash of what was asked for, by which an equal request is known.
    """

    batch: BatchId
    created: TakenIn
    fingerprint: str
    source: BatchSource


class Span(Record):
    """Documents `first` to `last` of a batch, both included."""

    first: int
    last: int


class Manifest(Record):
    """How a batch is divided: chunks of documents with consecutive numbers, from 1.

    `lasts`: the last number of each chunk. `refused`: documents that were not taken, as far as that is known.
    `upload`: the size in bytes of the zip whose parts the chunks are; None where they are packs of their own.
    Names and hashes are not repeated here: the zip's directory, or each pack, has them. So a manifest is a
    few hundred numbers, and whoever asks for one document of 20,000 reads it in microseconds.
    """

    lasts: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    upload: int | None = optional()

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return len(self.lasts)

    @property
    def documents(self) -> int:
        """How many documents the batch has, taken or refused."""
        return self.lasts[-1] if self.lasts else 0

    def span(self, chunk: int) -> Span:
        """The documents of a chunk."""
        first = self.lasts[chunk - 1] + 1 if chunk else 1
        return Span(first=first, last=self.lasts[chunk])

    def chunk_of(self, n: int) -> int | None:
        """The chunk that holds document `n`; None where the batch has no such document."""
        return bisect_left(self.lasts, n) if 1 <= n <= self.documents else None


class PackedDocument(Record):
    """A document in a pack; `size` in bytes."""

    n: int
    name: str
    size: int
    sha256: str


class PackIndex(Record):
    """What is in a pack; `refused`: the rows of those that were not taken, whose numbers fill the gaps."""

    documents: tuple[PackedDocument, ...]
    refused: tuple[DocumentRow, ...]


class CheckedRow(Record):
    """What claiming needs of a document's row: the rest of the row is left alone."""

    n: int
    outcome: Outcome
    claim: str | None = None

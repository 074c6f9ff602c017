"""What is kept of a sweep: the documents of each window, how it ended, and which blobs were taken by whom."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from invoicing.records.base import BatchId, Moment, Record


class SweptBlob(Record):
    """One version of a blob as a listing has it; `size` in bytes."""

    name: str
    etag: str
    size: int


class SweepPlace(Record):
    """Where a sweep goes on: window, page of the listing, next chunk and document."""

    window: int = 0
    page: str | None = None
    chunk: int = 0
    n: int = 1

    @property
    def documents(self) -> int:
        """How many documents were taken before."""
        return self.n - 1


class SweptWindow(Record):
    """One window of a sweep.

    `blobs` were free when it was planned; once `claimed`, they are those that are this window's, in the order
    of their documents; once `packed`, their bytes are in the batch. `listed`: blobs that were looked at.
    `page`, `has_more`: where the listing goes on, and whether it does. `lasts`: the last document of each of
    its chunks. `refused`: documents that were not taken.
    """

    state: Literal["planned", "claimed", "packed"]
    place: SweepPlace
    blobs: tuple[SweptBlob, ...]
    page: str | None
    has_more: bool
    listed: int
    lasts: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()

    @property
    def after(self) -> SweepPlace | None:
        """Where the next window goes on; None: there is nothing more."""
        if not self.has_more:
            return None
        return SweepPlace(
            window=self.place.window + 1,
            page=self.page,
            chunk=self.place.chunk + len(self.lasts),
            n=self.lasts[-1] + 1 if self.lasts else self.place.n,
        )


class SweepEnd(Record):
    """What was decided about a sweep, once.

    Its documents are `stored` for good, there were none (`empty`), or it was given up before that, and what
    it had taken is free again.
    """

    outcome: Literal["stored", "empty", "given_up"]
    at: Moment
    documents: int = 0
    chunks: int = 0


class TakenShard(Record):
    """Blobs that were taken, by who took them: the hashes of name and version, in one text (base64)."""

    owners: dict[str, str] = Field(default_factory=dict[str, str])


class CurrentSweep(Record):
    """The sweep that was started last."""

    sweep: str
    batch: BatchId
    started: Moment

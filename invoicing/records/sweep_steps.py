"""The steps of the sweep of a container: what its orchestration and activities take and give."""

from __future__ import annotations

from typing import Literal

from invoicing.records.base import BatchId, Moment, Record, Step, optional
from invoicing.records.sweep import SweepPlace


class SweepStored(Record):
    """What the sweep came to; see `SweepEnd`. `windows`: how many it had.

    `rest`: its time was over, or the batch is full, and what is left comes with the next sweep.
    """

    outcome: Literal["stored", "empty", "given_up"]
    documents: int = 0
    windows: int = 0
    rest: bool = False


class SweepJob(Record):
    """A sweep of a container into one batch.

    `only`: the one blob that is to be taken; None: all that lie there. `seconds`: how long it takes new
    documents; `most`: how many. `clear`: blobs are deleted once the batch is stored for good.

    Where a run goes on that continues another one: `until` when and from which `place` it takes documents,
    or, once they are `stored`, the window whose blobs are deleted next (`clearing`). `again`: an earlier run
    was lost.
    """

    sweep: str
    batch: BatchId
    container: str
    only: str | None = optional()
    seconds: int = 3600
    most: int = 100_000
    clear: bool = False
    until: Moment | None = optional()
    place: SweepPlace | None = optional()
    stored: SweepStored | None = optional()
    clearing: int = 0
    again: bool = False


class SweepWindowJob(Record):
    """One window of a sweep."""

    sweep: str
    batch: BatchId
    container: str
    only: str | None = optional()
    place: SweepPlace
    most: int


class SweptSoFar(Record):
    """What a window came to.

    `after`: where the next window goes on, None where there is nothing more, or the sweep was over before.
    `documents`: how many this window took; `passed`: blobs that were taken before.
    """

    after: SweepPlace | None = optional()
    documents: int = 0
    passed: int = 0


class ClearJob(Record):
    """Blobs of a window that are to be deleted."""

    sweep: str
    container: str
    window: int


class Cleared(Record):
    """How many blobs were deleted; `kept`: another version was in their place by then."""

    deleted: int = 0
    kept: int = 0


class SweepDone(Record):
    """Nothing is to be told."""


class SweepProgress(Record):
    """The custom status of a sweep."""

    phase: Literal["beginning", "taking", "storing", "clearing", "done"]
    documents: int = 0
    windows: int = 0


class SweepResult(Record):
    """What became of a sweep. `rest`: its time was over, and what is left comes with the next one."""

    status: Literal["stored", "empty", "given_up"]
    batch: BatchId | None = optional()
    documents: int = 0
    rest: bool = False
    error: str | None = optional()


SWEEP = Step("sweep_container", SweepJob, SweepResult)
BEGIN_SWEEP = Step("begin_sweep", SweepJob, SweepDone)
TAKE_WINDOW = Step("take_window", SweepWindowJob, SweptSoFar)
STORE_SWEEP = Step("store_sweep", SweepJob, SweepStored)
CLEAR_WINDOW = Step("clear_window", ClearJob, Cleared)
FINISH_SWEEP = Step("finish_sweep", SweepJob, SweepDone)

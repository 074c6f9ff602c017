"""The steps of a sweep: begin, take windows, store them as a batch, delete what was taken, tidy up."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.sweep_steps import (
    BEGIN_SWEEP,
    CLEAR_WINDOW,
    FINISH_SWEEP,
    STORE_SWEEP,
    TAKE_WINDOW,
    Cleared,
    ClearJob,
    SweepDone,
    SweepJob,
    SweepStored,
    SweepWindowJob,
    SweptSoFar,
)
from usecases import sweep_container, sweep_window

bp = df.Blueprint()


@activity(bp, BEGIN_SWEEP)
def begin_sweep(job: SweepJob) -> SweepDone:
    """See that documents can be taken, and free what an earlier sweep has abandoned."""
    sweep_container.begin(services.current(), job)
    return SweepDone()


@activity(bp, TAKE_WINDOW)
def take_window(job: SweepWindowJob) -> SweptSoFar:
    """Take the next blobs that nobody has."""
    return sweep_window.take_window(services.current(), job)


@activity(bp, STORE_SWEEP)
def store_sweep(job: SweepJob) -> SweepStored:
    """Make a batch of what was taken, and have it started."""
    return sweep_container.store(services.current(), job)


@activity(bp, CLEAR_WINDOW)
def clear_window(job: ClearJob) -> Cleared:
    """Delete the blobs of a window that are stored for good."""
    return sweep_container.clear(services.current(), job)


@activity(bp, FINISH_SWEEP)
def finish_sweep(job: SweepJob) -> SweepDone:
    """Forget how the sweep went."""
    sweep_container.finish(services.current(), job)
    return SweepDone()

"""The sweep: what lies in a container becomes one batch, each version of each blob once.

    begin -> windows (claim, read, pack), until the time is over -> store as a batch, and start it
          -> delete what was taken, where that is wanted -> tidy up

What is taken is decided by storage, not by this run: a window's plan is written before it claims anything,
and whether a sweep became a batch is written once. So two sweeps may overlap, and one that was lost goes on
where it was. It continues as new after some windows, because each replay reads the whole history.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from typing import Any, Literal

import azure.durable_functions as df

from invoicing.records.sweep import SweepPlace
from invoicing.records.sweep_steps import (
    BEGIN_SWEEP,
    CLEAR_WINDOW,
    FINISH_SWEEP,
    STORE_SWEEP,
    SWEEP,
    TAKE_WINDOW,
    ClearJob,
    SweepJob,
    SweepProgress,
    SweepResult,
    SweepWindowJob,
)
from orchestrators.retry import ActivityGaveUp
from orchestrators.steps import call, input_of

bp = df.Blueprint()

#: Windows in one run, before it continues as new.
WINDOWS = 25

Context = df.DurableOrchestrationContext


@bp.orchestration_trigger(context_name="context", orchestration=SWEEP.name)
def sweep_container(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Sweep a container. Its types are those of `SWEEP`; the custom status is a `SweepProgress`.

    A step that keeps failing fails the run: the supervisor makes a case of it, and what it has claimed stays
    with it until somebody starts it again or closes it.
    """
    ended = yield from _sweep(context, input_of(context, SWEEP))
    if isinstance(ended, SweepJob):
        context.continue_as_new(SWEEP.written_input(ended))
        return None
    return SWEEP.written_output(ended)


def _sweep(context: Context, job: SweepJob) -> Generator[Any, Any, SweepResult | SweepJob]:
    """Returns what became of it, or with what it continues as new."""
    if job.stored is None:
        job = yield from _take(context, job)
        if job.stored is None:
            return job

    error = None
    if job.clear and job.stored.outcome == "stored":
        try:
            job = yield from _clear(context, job)
        except ActivityGaveUp as failure:  # what was not deleted is known as taken
            error = str(failure)
        if error is None and job.clearing < _windows(job):
            return job

    yield from call(context, FINISH_SWEEP, job)
    return _result(context, job, error)


def _take(context: Context, job: SweepJob) -> Generator[Any, Any, SweepJob]:
    """Take windows of documents, and store them as a batch; returns the job as it then is.

    It is not stored where the run has to continue as new before that.
    """
    until, place = job.until, job.place
    if until is None or place is None:
        _show(context, "beginning", SweepPlace())
        yield from call(context, BEGIN_SWEEP, job)
        until, place = context.current_utc_datetime + timedelta(seconds=job.seconds), SweepPlace()

    left: SweepPlace | None = place
    for _ in range(WINDOWS):
        place = left
        _show(context, "taking", place)
        if context.current_utc_datetime >= until or place.documents >= job.most:
            break
        window = SweepWindowJob(
            sweep=job.sweep,
            batch=job.batch,
            container=job.container,
            only=job.only,
            place=place,
            most=job.most - place.documents,
        )
        left = (yield from call(context, TAKE_WINDOW, window)).after
        if left is None:
            break
    else:
        return job.model_copy(update={"until": until, "place": left})

    _show(context, "storing", place)
    stored = yield from call(context, STORE_SWEEP, job)
    return job.model_copy(update={"stored": stored.model_copy(update={"rest": left is not None})})


def _clear(context: Context, job: SweepJob) -> Generator[Any, Any, SweepJob]:
    """Delete the blobs of some windows; returns the job as it then is. Raises ActivityGaveUp."""
    last = min(job.clearing + WINDOWS, _windows(job))
    context.set_custom_status(SweepProgress(phase="clearing", windows=job.clearing).as_plain())
    for window in range(job.clearing, last):
        yield from call(
            context, CLEAR_WINDOW, ClearJob(sweep=job.sweep, container=job.container, window=window)
        )
    return job.model_copy(update={"clearing": last})


def _windows(job: SweepJob) -> int:
    return job.stored.windows if job.stored else 0


def _result(context: Context, job: SweepJob, error: str | None) -> SweepResult:
    assert job.stored is not None  # it ends only then
    stored = job.stored
    context.set_custom_status(SweepProgress(phase="done", documents=stored.documents).as_plain())
    return SweepResult(
        status=stored.outcome,
        batch=job.batch if stored.outcome == "stored" else None,
        documents=stored.documents,
        rest=stored.rest,
        error=error,
    )


def _show(
    context: Context, phase: Literal["beginning", "taking", "storing", "clearing", "done"], place: SweepPlace
) -> None:
    progress = SweepProgress(phase=phase, documents=place.documents, windows=place.window)
    context.set_custom_status(progress.as_plain())

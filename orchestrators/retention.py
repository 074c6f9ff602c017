"""Retention: what is old enough is archived and purged, window by window, until the time of a run is used up.

    begin -> (find old things -> purge some of them, again and again) until nothing is left or the time is up

A timer starts it, once at a time. Whatever it does stands in storage: what a run left half done is finished
by the next one, and a run that was not done goes on where it was with the next. It continues as new, so that
its history stays short, and waits for no event.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import Any

import azure.durable_functions as df

from invoicing.records.retention import RetentionRun
from invoicing.records.retention_steps import (
    BEGIN_RETENTION,
    END_RETENTION,
    FIND_OLD,
    PURGE_OLD,
    RETENTION,
    PurgeJob,
    RetentionJob,
)
from orchestrators.retry import ActivityGaveUp
from orchestrators.steps import call, input_of

bp = df.Blueprint()

#: Steps until the run continues as new.
STEPS = 20


@bp.orchestration_trigger(context_name="context", orchestration=RETENTION.name)
def retention(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Purge what is old. Its types are those of `RETENTION`; it never raises. Custom status: its counts."""
    job = input_of(context, RETENTION)
    onward = _Onward(context, job)
    error: str | None = None
    try:
        has_ended = yield from onward.run()
    except ActivityGaveUp as failure:
        has_ended, error = True, str(failure)

    if not has_ended:
        context.continue_as_new(RETENTION.written_input(onward.job))
        return None
    run = onward.result(error)
    with suppress(ActivityGaveUp):  # the next run begins at the beginning then
        yield from call(context, END_RETENTION, run)
    return RETENTION.written_output(run)


class _Onward:
    """One generation of a run."""

    def __init__(self, context: df.DurableOrchestrationContext, job: RetentionJob) -> None:
        self._context = context
        self.job = job

    def run(self) -> Generator[Any, Any, bool]:
        """Go on until everything was looked at, or the time is up; False: continue as new."""
        if not self.job.begun:
            begun = yield from call(self._context, BEGIN_RETENTION, self.job)
            self._move(run=begun.run, place=begun.place, begun=True)

        for _ in range(STEPS):
            if self._is_over():
                return True
            yield from self._window()
        return False

    def _window(self) -> Generator[Any, Any, None]:
        """Find some old things, and purge what may go of them."""
        place = self.job.place
        assert place is not None  # else it would be over
        found = yield from call(self._context, FIND_OLD, place)
        self._move(run=_with_next(self.job.run.model_copy(update={"rest": place}), found.next))

        left = found.ids
        while left and not self._is_over():
            purged = yield from call(self._context, PURGE_OLD, PurgeJob(run=self.job.run, ids=left))
            self._move(run=purged.run)
            left = purged.left
        if not left:
            self._move(place=found.place)

    def _is_over(self) -> bool:
        is_late = self._context.current_utc_datetime >= self.job.until
        return is_late or self.job.place is None or self.job.run.error is not None

    def _move(self, **changes: Any) -> None:
        """The run came further; any field of the job, hence `Any`."""
        self.job = self.job.model_copy(update=changes)
        run = self.job.run
        self._context.set_custom_status({"looked": run.looked, **run.counts.as_plain()})

    def result(self, error: str | None) -> RetentionRun:
        """How the run ended."""
        run, place = self.job.run, self.job.place
        error = error or run.error
        outcome = "failed" if error else "paused" if place is not None else "completed"
        now = self._context.current_utc_datetime
        changes = {"outcome": outcome, "ended": now, "rest": place, "error": error}
        return run.model_copy(update=changes)


def _with_next(run: RetentionRun, due: Any) -> RetentionRun:
    """The run, that knows when the oldest of those that are too young gets old enough."""
    known = [at for at in (run.next, due) if at is not None]
    return run.model_copy(update={"next": min(known, default=None)})

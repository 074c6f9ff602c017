"""The steps of retention: begin a run, find what is old, purge it, and keep how the run ended."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.retention import Place, RetentionRun
from invoicing.records.retention_steps import (
    BEGIN_RETENTION,
    END_RETENTION,
    FIND_OLD,
    PURGE_OLD,
    Begun,
    OldThings,
    Purged,
    PurgeJob,
    RetentionJob,
)
from usecases import retain

bp = df.Blueprint()


@activity(bp, BEGIN_RETENTION)
def begin_retention(job: RetentionJob) -> Begun:
    """Find where a run begins, or goes on."""
    return retain.begin(services.current(), job)


@activity(bp, FIND_OLD)
def find_old(place: Place) -> OldThings:
    """Find the next things that may be old enough."""
    return retain.find_old(services.current(), place)


@activity(bp, PURGE_OLD)
def purge_old(job: PurgeJob) -> Purged:
    """Archive and purge some of them."""
    return retain.purge_old(services.current(), job)


@activity(bp, END_RETENTION)
def end_retention(run: RetentionRun) -> RetentionRun:
    """Keep how a run ended."""
    return retain.end(services.current(), run)

"""One tick of the timer of retention: the task hub is purged, then the run that purges the storage begins.

A run that was done rests for most of a day; one whose time was used up goes on with the next tick.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import azure.durable_functions as df

from adapters.services import Services
from invoicing.records.retention import Place, PurgeCounts, RetentionRun
from invoicing.records.retention_steps import RETENTION, RETENTION_INSTANCE, RetentionJob
from invoicing.records.supervision import OpenWork
from invoicing.retention.terms import Terms
from stores import retention_runs, supervised
from usecases.purge_hub import Hub, purge_ended, purge_left
from usecases.run_status import status_of

#: Between two runs that looked at everything; a timer each hour makes it once a day.
REST = timedelta(hours=20)
#: Seconds that a tick may take for the task hub.
HUB_SECONDS = 120


async def tick(services: Services, client: df.DurableOrchestrationClient, hub: Hub) -> RetentionRun | None:
    """Begin a run where one is due; returns it, None where there is nothing to do now."""
    terms = services.settings.retention.terms
    if not terms.any or (await status_of(client, services.blobs, RETENTION_INSTANCE)).state == "running":
        return None

    now = services.clock()
    newest = await asyncio.to_thread(_newest, services)
    if not is_due(newest, terms, now):
        return None

    instances = await _purge_hub(services, hub, terms, now)
    run = RetentionRun(id=f"r{now:%Y%m%dT%H%M%S}", began=now, counts=PurgeCounts(instances=instances))
    if not terms.kinds:
        done = run.model_copy(update={"outcome": "completed", "ended": services.clock()})
        await asyncio.to_thread(retention_runs.keep, services.blobs, done)
        return done
    await _start(services, client, run, _place(newest, terms))
    return run


def is_due(newest: RetentionRun | None, terms: Terms, now: datetime) -> bool:
    """Say whether a run is due: one that was done rests, one that was not goes on at once."""
    if newest is None or newest.ended is None or newest.outcome != "completed":
        return True
    parts = [terms.shortest(kind) for kind in terms.kinds] + [terms.runs]
    shortest = min(term for term in parts if term is not None)
    return now - newest.ended >= min(REST, shortest / 2)


def _newest(services: Services) -> RetentionRun | None:
    return next(iter(retention_runs.newest(services.blobs, 1).found), None)


def _place(newest: RetentionRun | None, terms: Terms) -> Place:
    """Where a run begins: where the last one was, or at the beginning."""
    if newest is not None and newest.rest is not None and newest.rest.kind in terms.kinds:
        return newest.rest
    return Place(kind=terms.kinds[0])


async def _purge_hub(services: Services, hub: Hub, terms: Terms, now: datetime) -> int:
    until = now + timedelta(seconds=HUB_SECONDS)
    purged = await purge_left(services.blobs, hub, until)
    if terms.runs is not None:
        purged += await purge_ended(services.blobs, hub, terms.runs, until)
    return purged


async def _start(
    services: Services, client: df.DurableOrchestrationClient, run: RetentionRun, place: Place
) -> None:
    """Noted before it is started, so that a run that is lost is begun again."""
    until = run.began + timedelta(seconds=services.settings.retention.seconds)
    job = RETENTION.written_input(RetentionJob(run=run, until=until, place=place))
    work = OpenWork(instance=RETENTION_INSTANCE, orchestrator=RETENTION.name, input=job)
    await asyncio.to_thread(supervised.note, services.blobs, work)
    await client.start_new(RETENTION.name, RETENTION_INSTANCE, job)

"""Start a sweep of the whole container, or of one blob that has just come."""

from __future__ import annotations

import asyncio

import azure.durable_functions as df
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters.services import Services
from invoicing.records.supervision import OpenWork
from invoicing.records.sweep import CurrentSweep
from invoicing.records.sweep_steps import SWEEP, SweepJob
from invoicing.sweeps import batch_of, lone_sweep_name, sweep_name
from stores import supervised, swept
from usecases.sweep_window import versions

_RUNNING = (Runtime.Pending, Runtime.Running, Runtime.ContinuedAsNew, Runtime.Suspended)


async def start_sweep(services: Services, client: df.DurableOrchestrationClient) -> str | None:
    """Start a sweep of the container; returns its id, None where the last one still runs.

    Of two that are asked for at the same time one is started.
    """
    now = services.clock()
    known = await asyncio.to_thread(swept.current, services.blobs)
    if known is not None and await _runs(client, known[0].sweep):
        return None

    container = services.settings.sweep.container
    job = _job(services, sweep_name(container, now))
    # Noted first: a sweep that was noted and not started is started by the supervisor.
    await asyncio.to_thread(supervised.note, services.blobs, _work(job))
    latest = CurrentSweep(sweep=job.sweep, batch=job.batch, started=now)
    etag = known[1] if known else None
    if not await asyncio.to_thread(swept.make_current, services.blobs, latest, etag):
        winner = await asyncio.to_thread(swept.current, services.blobs)
        if winner is None or winner[0].sweep != job.sweep:
            await asyncio.to_thread(supervised.forget, services.blobs, job.sweep)
            return None
    await _start(client, job)
    return job.sweep


async def take_at_once(services: Services, client: df.DurableOrchestrationClient, name: str) -> str | None:
    """Have one blob taken as a batch of its own; returns the id of its sweep, None where it is gone.

    Repeating it for the same version starts nothing.
    """
    container = services.settings.sweep.container
    listed, _ = await asyncio.to_thread(versions, services.swept(container), name, 1, None)
    found = next((blob for blob in listed if blob.name == name), None)
    if found is None:
        return None
    sweep = lone_sweep_name(container, found)
    if await client.get_status(sweep):
        return sweep
    job = _job(services, sweep).model_copy(update={"only": name})
    await asyncio.to_thread(supervised.note, services.blobs, _work(job))
    await _start(client, job)
    return sweep


def _job(services: Services, sweep: str) -> SweepJob:
    settings = services.settings.sweep
    return SweepJob(
        sweep=sweep,
        batch=batch_of(sweep),
        container=settings.container,
        seconds=settings.minutes * 60,
        most=settings.most,
        clear=settings.clear,
    )


def _work(job: SweepJob) -> OpenWork:
    return OpenWork(instance=job.sweep, orchestrator=SWEEP.name, input=SWEEP.written_input(job))


async def _start(client: df.DurableOrchestrationClient, job: SweepJob) -> None:
    """Start it; one that was started a moment ago is as good."""
    try:
        await client.start_new(SWEEP.name, job.sweep, SWEEP.written_input(job))
    except Exception:
        if not await client.get_status(job.sweep):
            raise


async def _runs(client: df.DurableOrchestrationClient, sweep: str) -> bool:
    status = await client.get_status(sweep)
    return bool(status) and status.runtime_status in _RUNNING

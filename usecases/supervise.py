"""Supervise: start again what ended for no reason of ours, and say what is stuck.

Two looks. `restart_failed` is quick and often: it is given the runs that ended Failed. `restart_gone` is slow
and rare: it asks for each piece of work that was noted whether its run is still there.

A run is started again under its own id and with its own input, after its living parts were ended: a part that
still runs would keep the new run from calling it. Whatever a part did stands in storage, where its next run
finds it. The case is written before the start, so a supervisor that dies in between repeats a start at most,
which the host refuses while the run is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime

import azure.durable_functions as df
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters.failure_log import kind_and_place
from invoicing import supervision
from invoicing.records.base import Reference
from invoicing.records.batch_approvals_steps import BATCH_DOCUMENT
from invoicing.records.invoice_steps import PROCESS_INVOICE
from invoicing.records.route import Route
from invoicing.records.supervision import Case, FailedRun, Job, OpenWork
from invoicing.supervision import ROOTS
from stores import supervised
from stores.blobs import Blobs
from stores.invoices import InvoiceStore
from stores.records import RecordDamaged
from usecases.find_route import NotRouted, route_of

#: Work that is asked for at the same time.
_AT_ONCE = 8
RUNNING = (Runtime.Pending, Runtime.Running, Runtime.ContinuedAsNew, Runtime.Suspended)


class NoCase(Exception):
    """There is no case of this instance."""


async def restart_failed(
    blobs: Blobs, client: df.DurableOrchestrationClient, runs: Iterable[FailedRun], now: datetime
) -> list[Case]:
    """Start again those whose time has come; returns the cases that were started again.

    Cases of runs that ended well, or have gone on for long enough, are settled.
    """
    started: list[Case] = []
    failed = {run.work.instance: run for run in runs if run.work.orchestrator in ROOTS}
    for run in failed.values():
        before = await asyncio.to_thread(supervised.case_of, blobs, run.work.instance)
        case = supervision.case_of(run, now, before)
        if await _handle(blobs, client, case, before, now):
            started.append(case)
    await _settle(blobs, client, set(failed), now)
    return started


async def restart_gone(blobs: Blobs, client: df.DurableOrchestrationClient, now: datetime) -> list[Case]:
    """Start again noted work whose run is gone, and forget the work whose run has ended.

    Returns the cases that were started again.
    """
    listed = await asyncio.to_thread(supervised.instances_under_way, blobs)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def look(instance: str) -> Case | None:
        async with gate:
            return await _look_for(blobs, client, instance, now)

    found = await asyncio.gather(*(look(instance) for instance in listed))
    return [case for case in found if case is not None]


async def restart_now(
    blobs: Blobs, client: df.DurableOrchestrationClient, instance: str, now: datetime
) -> Case:
    """Start a case again because a person says so, stuck or not. Raises NoCase, and what the start raises.

    Where a part of it still runs, that is ended first: the supervisor starts the case again with its next
    look, and the case says so.
    """
    case = await asyncio.to_thread(supervised.case_of, blobs, instance)
    if case is None:
        raise NoCase(instance)
    if await _is_running(client, instance):
        return await _keep_as_started(blobs, case, now)

    if not await _parts_have_ended(blobs, client, case):
        wanted = supervision.wanted_again(case, now)
        await asyncio.to_thread(supervised.keep, blobs, wanted)
        return wanted

    again = await _keep_as_started(blobs, case, now)
    await client.start_new(case.orchestrator, instance, _again(case))
    return again


async def _handle(
    blobs: Blobs, client: df.DurableOrchestrationClient, case: Case, before: Case | None, now: datetime
) -> bool:
    """Do what the case asks for; says whether it was started again."""
    verdict = supervision.verdict(case, now)
    if verdict == "restart" and await _parts_have_ended(blobs, client, case):
        return await _start(blobs, client, case, now)

    if case != before:
        await asyncio.to_thread(supervised.keep, blobs, case)
        if verdict == "stuck":
            logging.error("%s %s is stuck: %s", case.orchestrator, case.instance, supervision.kind(case))
    return False


async def _start(blobs: Blobs, client: df.DurableOrchestrationClient, case: Case, now: datetime) -> bool:
    await _keep_as_started(blobs, case, now)
    try:
        await client.start_new(case.orchestrator, case.instance, _again(case))
    except Exception as error:  # noqa: BLE001 - the other cases are to be started all the same
        if await _is_running(client, case.instance):
            return False  # another supervisor was quicker
        text = "%s %s could not be started again: %s"
        logging.error(text, case.orchestrator, case.instance, kind_and_place(error))
        return False
    text = "%s %s was started again: %s"
    logging.warning(text, case.orchestrator, case.instance, supervision.kind(case))
    return True


async def _keep_as_started(blobs: Blobs, case: Case, now: datetime) -> Case:
    """Write down that a case is started again, before it is."""
    again = supervision.started_again(case, now)
    await asyncio.to_thread(supervised.keep, blobs, again)
    return again


def _again(case: Case) -> Job:
    """The input of a run that continues from what is stored."""
    return {**case.input, "again": True}


async def _parts_have_ended(blobs: Blobs, client: df.DurableOrchestrationClient, case: Case) -> bool:
    """End the parts that still run; says whether all have ended. It takes until the next look, mostly.

    The approval is looked up in the storage: a run that was lost has no custom status any more.
    """
    approval = await asyncio.to_thread(approval_of, blobs, case)
    parts = supervision.parts_of(case, approval)
    running = [part for part in parts if await _is_running(client, part)]
    for part in running:
        await client.terminate(part, "The run that it is a part of was lost, and is started again.")
    return not running


def approval_of(blobs: Blobs, work: OpenWork) -> str | None:
    """The approval that a run may have called; None where there is none yet."""
    if work.orchestrator == BATCH_DOCUMENT.name and not work.input.get("goods"):
        return work.input.get("approval")
    if work.orchestrator not in (BATCH_DOCUMENT.name, PROCESS_INVOICE.name):
        return None
    try:
        if work.orchestrator == BATCH_DOCUMENT.name:
            route: Route | None = route_of(blobs, Reference(str(work.input.get("ref"))))
        else:
            route = InvoiceStore(blobs).route(work.instance)
    except (NotRouted, ValueError):
        return None
    except RecordDamaged as error:  # the run will say so itself; others are started again meanwhile
        logging.warning("%s", error)
        return None
    return route.approval if route else None


async def _settle(
    blobs: Blobs, client: df.DurableOrchestrationClient, failed: set[str], now: datetime
) -> None:
    for case in await asyncio.to_thread(supervised.cases, blobs):
        if case.instance in failed:
            continue
        status = await client.get_status(case.instance)
        runtime = status.runtime_status if status else None
        has_ended = runtime in (Runtime.Completed, Runtime.Terminated, Runtime.Canceled)
        has_ended = has_ended or (runtime is None and case.closed is not None)
        if has_ended or (runtime in RUNNING and supervision.has_held(case, now)):
            await asyncio.to_thread(supervised.settle, blobs, case.instance)


async def _look_for(
    blobs: Blobs, client: df.DurableOrchestrationClient, instance: str, now: datetime
) -> Case | None:
    """One piece of work that cannot be looked at does not keep the others from it.

    What was noted is read only where the run is gone: mostly it is there, and waits for people.
    """
    try:
        status = await client.get_status(instance)
        if status:
            if status.runtime_status not in (*RUNNING, Runtime.Failed):
                await asyncio.to_thread(supervised.forget, blobs, instance)
            return None
        work = await asyncio.to_thread(supervised.work_of, blobs, instance)
        if work is None:
            return None
        before = await asyncio.to_thread(supervised.case_of, blobs, instance)
        case = supervision.gone_case(work, now, before)
        return case if await _handle(blobs, client, case, before, now) else None
    except Exception as error:  # noqa: BLE001 - the others are to be looked at all the same
        logging.error("the supervisor could not look at %s: %s", instance, kind_and_place(error))
        return None


async def _is_running(client: df.DurableOrchestrationClient, instance: str) -> bool:
    status = await client.get_status(instance)
    return bool(status) and status.runtime_status in RUNNING

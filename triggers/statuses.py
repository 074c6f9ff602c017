"""What the task hub says of runs, as handlers need it: one that was lost is on its way again for callers."""

from __future__ import annotations

import asyncio
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters import services
from invoicing.failures import cause_of
from stores import supervised
from triggers.durable_client import statuses_begun
from web.views.runs import Run, run_of


async def status_of(client: df.DurableOrchestrationClient, instance: str) -> Any:
    """The status of a run, falsy where there is none.

    A run that was lost is told as running, since the supervisor starts it again: a caller that polls must not
    take it for the end. Once it is stuck, it has failed.
    """
    status = await client.get_status(instance)
    if not status or status.runtime_status != Runtime.Failed or cause_of(str(status.output or "")) != "lost":
        return status
    case = await asyncio.to_thread(supervised.case_of, services.current().blobs, instance)
    if case is not None and case.state == "stuck":
        return status
    return SimpleNamespace(
        instance_id=status.instance_id,
        name=status.name,
        runtime_status=Runtime.Running,
        created_time=status.created_time,
        last_updated_time=status.last_updated_time,
        input_=status.input_,
        custom_status=status.custom_status,
        output=None,
    )


async def runs_begun(
    client: df.DurableOrchestrationClient,
    start: datetime,
    end: datetime,
    prefix: str = "",
    statuses: list[Any] | None = None,
) -> list[Run]:
    """The runs that were begun from one moment to another, as many as the host lists: 100.

    `prefix`: how their ids begin; `statuses`: runtime statuses, None for all.
    """
    found = await statuses_begun(client, start, end, prefix, statuses)
    return [run for run in map(run_of, found) if run is not None]

"""The status of a run as callers see it: one that was lost with its worker is on its way again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters import services, supervised
from invoicing.failures import cause_of


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

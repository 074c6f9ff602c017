"""What the task hub says of a run, as callers are told it: a run that was lost is on its way again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import azure.durable_functions as df
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from invoicing import supervision
from invoicing.failures import cause_of, first_line
from invoicing.run_values import json_object, loaded
from stores import supervised
from stores.blobs import Blobs

Json = Mapping[str, object]


@dataclass(frozen=True)
class RunStatus:
    """One run.

    `state`: `running`, `completed`, `stopped`, `failed`, or what the run itself said at its end (`booked`);
    `missing`: it was never started. `output`: what it said at its end; `progress`: what it says of its way;
    both are empty where it said nothing. `failure`: why it failed, in one line. `changed`: when it last was.
    """

    state: str
    output: Json
    progress: Json
    failure: str = ""
    changed: datetime | None = None


MISSING = RunStatus("missing", {}, {})


async def status_of(client: df.DurableOrchestrationClient, blobs: Blobs, instance: str) -> RunStatus:
    """The status of a run.

    A run that was lost is told as running, since the supervisor starts it again: a caller that polls must not
    take it for the end. Once it is stuck, it has failed.
    """
    status = await client.get_status(instance)
    found = run_status(status)
    if not status or status.runtime_status != Runtime.Failed or cause_of(str(status.output or "")) != "lost":
        return found

    case = await asyncio.to_thread(supervised.case_of, blobs, instance)
    if case is not None and supervision.state(case) == "stuck":
        return found
    return replace(found, state="running", output={}, failure="")


def run_status(status: Any) -> RunStatus:
    """A run out of the status that the durable client gives; falsy: there is none."""
    if not status:
        return MISSING
    output = loaded(status.output)
    return RunStatus(
        state=_state(status.runtime_status, output),
        output=json_object(output),
        progress=json_object(loaded(status.custom_status)),
        failure=first_line(str(status.output or "")) if status.runtime_status == Runtime.Failed else "",
        changed=getattr(status, "last_updated_time", None),
    )


def _state(runtime: Runtime, output: object) -> str:
    match runtime:
        case Runtime.Completed:
            status = json_object(output).get("status")
            return status if isinstance(status, str) else "completed"
        case Runtime.Failed:
            return "failed"
        case Runtime.Terminated | Runtime.Canceled:
            return "stopped"
        case _:
            return "running"

"""The timer of retention."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters import services
from triggers.durable_client import purge
from triggers.statuses import runs_begun
from usecases.purge_hub import EndedRun, Hub
from usecases.start_retention import tick

bp = df.Blueprint()

_ENDED = [Runtime.Completed, Runtime.Failed, Runtime.Terminated, Runtime.Canceled]


@bp.timer_trigger(arg_name="timer", schedule="0 40 * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def retain_old(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Purge what is older than the settings say, where a run of that is due."""
    run = await tick(services.current(), client, hub_of(client))
    if run is not None:
        logging.info("retention %s was begun", run.id)


def hub_of(client: df.DurableOrchestrationClient) -> Hub:
    """The task hub as retention uses it."""

    async def ended(start: datetime, end: datetime) -> Sequence[EndedRun]:
        return [EndedRun(run.id, run.updated) for run in await runs_begun(client, start, end, "", _ENDED)]

    async def purge_one(instance: str) -> int:
        return await purge(client, instance)

    return Hub(ended=ended, purge=purge_one, now=lambda: datetime.now(UTC))

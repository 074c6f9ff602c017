"""The runs that the task hub lists."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import azure.durable_functions as df

from triggers.durable_client import statuses_begun
from web.views.runs import Run, run_of


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

"""The runs that the task hub lists."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import azure.durable_functions as df

from triggers.durable_client import statuses_begun
from web.views.runs import Run, run_of

#: Characters of an instance's id.
LONGEST_ID = 200
# What it may be. The rest would end it in the address that the SDK makes of it.
_INSTANCE_ID = re.compile(r"[^\s/\\?#%&]+")


def is_instance_id(text: str) -> bool:
    """Say whether a text may be asked for as an instance of the task hub."""
    is_name = _INSTANCE_ID.fullmatch(text) is not None and text not in (".", "..")
    return is_name and len(text) <= LONGEST_ID


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

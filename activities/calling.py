"""Calls to other hosts: one round of a list."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import async_activity
from adapters import services
from invoicing.records.api_calls import CALL_ROUND, RoundDone, RoundJob
from usecases import call_round as calling

bp = df.Blueprint()


@async_activity(bp, CALL_ROUND)
async def call_round(job: RoundJob) -> RoundDone:
    """Make the calls that are due."""
    return await calling.call_round(services.current(), job)

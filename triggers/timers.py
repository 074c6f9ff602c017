"""Scheduled work: the sweep of decisions, the look at who may decide now, and the ledgers' anchor."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from adapters import anchoring, services
from adapters.anchoring import Place
from invoicing.approval.policy import PolicyInvalid
from usecases.wake_approval import sweep
from usecases.watch_rights import watch_rights

bp = df.Blueprint()


@bp.timer_trigger(arg_name="timer", schedule="0 */5 * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def sweep_approvals(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Wake every open approval that has a decision which its workflow has not taken in."""
    woken = await sweep(services.current().blobs, client)
    if woken:
        logging.warning("the sweep woke %d approvals whose event was lost: %s", len(woken), ", ".join(woken))


@bp.timer_trigger(arg_name="timer", schedule="30 * * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def look_at_rights(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Have open approvals ask who can decide now, where an absence or the policy has changed that."""
    try:
        woken = await watch_rights(services.current(), client)
    except PolicyInvalid as error:
        logging.warning("it is not known who may decide: %s", error)
        return
    if woken:
        logging.info("rights have changed: %d open approvals look who can decide", len(woken))


@bp.timer_trigger(arg_name="timer", schedule="0 20 * * * *", run_on_startup=False)
async def anchor_ledgers(timer: func.TimerRequest) -> None:
    """Take the anchor of the day (UTC), and see that what is to be kept elsewhere of it gets there.

    Raises AnchorFailed, which the platform counts as a failure of this function; the next hour tries again.
    """
    current = services.current()
    place = Place(current.settings, current.blobs, current.ledger_keys, current.anchor_copies)
    taken = await asyncio.to_thread(anchoring.run, place, datetime.now(UTC))
    if taken is not None:
        logging.info("anchor %d of the ledgers was taken", taken)

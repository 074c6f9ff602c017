"""Scheduled work: the sweep that finishes what a crash left after a decision, and the ledgers' anchor."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from adapters import anchoring, services
from adapters.anchoring import Place
from invoicing.approval import names
from invoicing.approval.ledger import DECISIONS
from stores import approvals
from stores.blobs import Blobs

bp = df.Blueprint()

# Approvals that are looked at at the same time.
_AT_ONCE = 8


@bp.timer_trigger(arg_name="timer", schedule="0 */5 * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def sweep_approvals(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Wake every open approval that has a decision which its workflow has not taken in."""
    woken = await sweep(services.current().blobs, client)
    if woken:
        logging.warning("the sweep woke %d approvals whose event was lost: %s", len(woken), ", ".join(woken))


@bp.timer_trigger(arg_name="timer", schedule="0 20 * * * *", run_on_startup=False)
async def anchor_ledgers(timer: func.TimerRequest) -> None:
    """Take the anchor of the day (UTC), and see that what is to be kept elsewhere of it gets there.

    Raises AnchorFailed, which the platform counts as a failure of this function; the next hour tries again.
    """
    here = services.current()
    place = Place(here.settings, here.blobs, here.ledger_keys, here.anchor_copies)
    taken = await asyncio.to_thread(anchoring.run, place, datetime.now(UTC))
    if taken is not None:
        logging.info("anchor %d of the ledgers was taken", taken)


async def sweep(blobs: Blobs, client: df.DurableOrchestrationClient) -> list[str]:
    """Wake what waits for nothing any more; returns the ids of the approvals that were woken."""
    listed = await asyncio.to_thread(lambda: [blob.name for blob in blobs.list(names.INBOX)])
    gate = asyncio.Semaphore(_AT_ONCE)

    async def look(approval: str) -> str | None:
        async with gate:
            return approval if await _wake_if_behind(blobs, client, approval) else None

    found = await asyncio.gather(*(look(name.removeprefix(names.INBOX)) for name in listed))
    return [approval for approval in found if approval]


async def _wake_if_behind(blobs: Blobs, client: df.DurableOrchestrationClient, approval: str) -> bool:
    """One approval that cannot be read or woken does not keep the sweep from the others."""
    try:
        waits = approvals.waiting_at(await client.get_status(approval))
        if waits is None:
            return False
        seq = await asyncio.to_thread(decision_after, blobs, approval, waits[2])
        return seq is not None and await approvals.wake(client, approval, seq)
    except Exception:
        logging.exception("the sweep could not look at approval %s", approval)
        return False


def decision_after(blobs: Blobs, approval: str, seen: int) -> int | None:
    """The number of the last decision that came after entry `seen`; None where there is none.

    What the workflow wrote itself needs no waking, and mostly there is no further entry at all: one look.
    """
    if not blobs.exists(names.entry(approval, seen + 1)):
        return None
    entries = approvals.read(blobs, approval).entries[seen:]
    return max((entry.seq for entry in entries if entry.kind in DECISIONS), default=None)

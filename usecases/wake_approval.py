"""Waking the workflows of approvals: after a decision, and those whose event was lost.

The event says nothing: the workflow reads the ledger. So waking one for nothing does no harm.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import azure.durable_functions as df
from pydantic import ValidationError

from adapters.failure_log import kind_and_place
from invoicing.approval import names
from invoicing.approval.ledger import BY_PEOPLE
from invoicing.records.approval_steps import ApprovalStatus
from stores import approvals
from stores.blobs import Blobs
from stores.ledgers import Ledger

# Approvals that are looked at at the same time.
_AT_ONCE = 8
_TRIES = 3


async def wake(
    client: df.DurableOrchestrationClient, approval: str, seq: int | None = None, stage: str | None = None
) -> bool:
    """Wake the approval's workflow after a decision in a stage; returns whether it could be told.

    It raises the event that the custom status names, then looks again: where the workflow armed its next wait
    meanwhile, without having read entry `seq`, the event went to a wait that was over, so it is raised again.
    A workflow that has just opened its first stage may not have armed the first wait yet: that one's event is
    kept for it. Never raises: the decision is in the ledger, and the sweep comes by.
    """
    try:
        for _ in range(_TRIES):
            wait = _wait_to_end(await client.get_status(approval), stage)
            if wait is None or (seq is not None and wait.seen >= seq):
                return wait is not None
            await client.raise_event(approval, names.event(wait.stage or "", wait.attempt), True)
            again = _wait_to_end(await client.get_status(approval), stage)
            if again is None or (again.stage, again.attempt) == (wait.stage, wait.attempt):
                return True
    except Exception as error:  # noqa: BLE001 - whatever it is, the sweep comes by
        text = "approval %s could not be woken; the sweep will do it: %s"
        logging.warning(text, approval, kind_and_place(error))
        return False
    return True


def _wait_to_end(status: Any, stage: str | None) -> ApprovalStatus | None:
    """The wait that a workflow tells of; before it told of any, the first one of the stage."""
    has_status = getattr(status, "custom_status", None) is not None
    return waiting_at(status) if has_status or stage is None else ApprovalStatus(stage=stage, attempt=1)


def waiting_at(status: Any) -> ApprovalStatus | None:
    """What an approval's status says of its wait; None where it waits for nobody.

    `status` is the SDK's: its custom status is an object, or its JSON text, or somebody else's.
    """
    custom: Any = getattr(status, "custom_status", None)
    try:
        is_text = isinstance(custom, str)
        known = (
            ApprovalStatus.model_validate_json(custom) if is_text else ApprovalStatus.model_validate(custom)
        )
    except ValidationError:
        return None
    return known if known.stage else None


async def sweep(blobs: Blobs, client: df.DurableOrchestrationClient) -> list[str]:
    """Wake what waits for nothing any more; returns the ids of the approvals that were woken."""
    listed = await asyncio.to_thread(approvals.open_ids, blobs)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def look(approval: str) -> str | None:
        async with gate:
            return approval if await _wake_if_behind(blobs, client, approval) else None

    found = await asyncio.gather(*(look(approval) for approval in listed))
    return [approval for approval in found if approval]


async def _wake_if_behind(blobs: Blobs, client: df.DurableOrchestrationClient, approval: str) -> bool:
    """One approval that cannot be read or woken does not keep the sweep from the others."""
    try:
        wait = waiting_at(await client.get_status(approval))
        if wait is None:
            return False
        seq = await asyncio.to_thread(decision_after, blobs, approval, wait.seen)
        return seq is not None and await wake(client, approval, seq)
    except Exception as error:  # noqa: BLE001 - the others are to be looked at all the same
        logging.error("the sweep could not look at approval %s: %s", approval, kind_and_place(error))
        return False


def decision_after(blobs: Blobs, approval: str, seen: int) -> int | None:
    """The number of the last decision that came after entry `seen`; None where there is none.

    What the workflow wrote itself needs no waking, and mostly there is no further entry at all: one look.
    """
    if not approvals.has_entry(blobs, approval, seen + 1):
        return None
    entries = Ledger.read(blobs, approval).entries[seen:]
    return max((entry.seq for entry in entries if entry.kind in BY_PEOPLE), default=None)

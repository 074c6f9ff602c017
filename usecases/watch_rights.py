"""Rights that change reach every open approval: its workflow is woken, which asks who can decide now.

An absence begins or ends, by a person or by its time, or the policy names others. Each look compares the
rights of now with those that were seen last, and wakes the approvals in which somebody of these has a seat.
What was seen is kept after they were told: where this dies before, the next look does it again, which harms
nobody.
"""

from __future__ import annotations

import asyncio

import azure.durable_functions as df

from adapters.services import Services
from invoicing.records.approval import InboxEntry
from invoicing.records.base import ApprovalId
from invoicing.records.rights import RightsSeen
from stores import approvals, rights_seen
from usecases.rights import rights_now, who_may_decide
from usecases.wake_approval import wake

# Approvals that are woken at the same time.
_AT_ONCE = 8


async def watch_rights(services: Services, client: df.DurableOrchestrationClient) -> list[ApprovalId]:
    """Wake the open approvals that a change of rights concerns; returns their ids.

    Raises StorageUnavailable, and PolicyInvalid: who may decide is not known then, and nobody is woken.
    """
    now = await asyncio.to_thread(_now, services)
    before = await asyncio.to_thread(rights_seen.seen, services.blobs)
    if before == now:
        return []
    entries = await asyncio.to_thread(approvals.inbox, services.blobs)
    if before is not None:
        changed = before.changed_for(now)
        entries = [entry for entry in entries if _is_concerned(entry, changed)]
    found = [entry.approval for entry in entries]
    await _wake_all(client, found)
    await asyncio.to_thread(rights_seen.note, services.blobs, now)
    return found


def _now(services: Services) -> RightsSeen:
    people = who_may_decide(services)
    stand_ins = rights_now(services, services.clock()).stand_ins
    return RightsSeen(
        people=tuple(sorted(people)),
        stand_ins={who: tuple(chain) for who, chain in sorted(stand_ins.items())},
    )


def _is_concerned(entry: InboxEntry, changed: frozenset[str]) -> bool:
    """Whether somebody of these has a seat in the open stage; of an entry without seats it is not known."""
    return not entry.seats or not changed.isdisjoint(entry.seats)


async def _wake_all(client: df.DurableOrchestrationClient, found: list[ApprovalId]) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(approval: str) -> None:
        async with gate:
            await wake(client, approval)

    await asyncio.gather(*(one(approval) for approval in found))

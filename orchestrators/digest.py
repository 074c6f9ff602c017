"""The messages to one person that fall into one stretch of time (a slot), sent as one: a digest.

    wait for the end of the slot -> close it -> send each part of it, for two days

Whoever has a message for a person notes it in the slot and has this started; the id is made of the slot, so
that there is one for all of them. What is sent is decided when the slot is closed, and by what is stored
then: started again, it goes on where it was and sends nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from invoicing.records.message_steps import (
    CLOSE_SLOT,
    DIGEST,
    SEND_DIGEST,
    ClosedSlot,
    Delivery,
    DeliveryOutcome,
    DigestJob,
    DigestPart,
    DigestResult,
)
from orchestrators.delivery import deliver
from orchestrators.retry import ActivityGaveUp
from orchestrators.steps import call, input_of
from orchestrators.waiting import sleep_until

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context", orchestration=DIGEST.name)
def deliver_digest(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Send what was gathered in a slot. Its types are those of `DIGEST`; it never raises.

    The custom status says what is wrong while it is tried again.
    """
    job = input_of(context, DIGEST)
    yield from sleep_until(context, job.ends)
    try:
        closed = yield from call(context, CLOSE_SLOT, job)
    except ActivityGaveUp as failure:
        failed = DigestResult(outcome="failed", parts={}, error=str(failure))
        return DIGEST.written_output(failed)

    parts: Counter[DeliveryOutcome] = Counter()
    for number in range(closed.parts):
        ended = yield from _send(context, job, closed, number)
        parts[ended.outcome] += 1
    return DIGEST.written_output(DigestResult(outcome="completed", parts=dict(parts)))


def _send(
    context: df.DurableOrchestrationContext, job: DigestJob, closed: ClosedSlot, number: int
) -> Generator[Any, Any, Delivery]:
    def attempt(last: bool) -> DigestPart:
        return DigestPart(
            slot=job.slot,
            ends=job.ends,
            channel=job.channel,
            to=job.to,
            parts=closed.parts,
            part=number,
            last=last,
        )

    return (yield from deliver(context, SEND_DIGEST, attempt))

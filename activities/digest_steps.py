"""The steps of a digest: close its slot, then send each part of it."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.message_steps import (
    CLOSE_SLOT,
    SEND_DIGEST,
    ClosedSlot,
    DeliveryTry,
    DigestJob,
    DigestPart,
)
from usecases import send_digest as digests

bp = df.Blueprint()


@activity(bp, CLOSE_SLOT)
def close_slot(job: DigestJob) -> ClosedSlot:
    """Take no more messages into a slot."""
    return digests.close_slot(services.current(), job)


@activity(bp, SEND_DIGEST)
def send_digest(job: DigestPart) -> DeliveryTry:
    """Try to send one part of a digest."""
    return digests.send_digest(services.current(), job)

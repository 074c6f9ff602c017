"""See that the folder is watched: one workflow, started where a setting names a mailbox."""

from __future__ import annotations

import asyncio
import logging

import azure.durable_functions as df
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters.services import Services
from invoicing.records.mailbox_steps import MAILBOX, MAILBOX_INSTANCE, MailboxWatch
from invoicing.records.supervision import OpenWork
from stores import supervised

# A run that failed is the supervisor's: it starts it again, or says that a person must look.
_LEFT_ALONE = (
    Runtime.Pending,
    Runtime.Running,
    Runtime.ContinuedAsNew,
    Runtime.Suspended,
    Runtime.Failed,
)


async def ensure_watched(services: Services, client: df.DurableOrchestrationClient) -> bool:
    """Start the watch where there is none; says whether it did. Without the settings it does nothing."""
    if services.settings.mailbox is None:
        return False
    status = await client.get_status(MAILBOX_INSTANCE)
    if status and status.runtime_status in _LEFT_ALONE:
        return False
    job = MAILBOX.written_input(MailboxWatch())
    work = OpenWork(instance=MAILBOX_INSTANCE, orchestrator=MAILBOX.name, input=job)
    await asyncio.to_thread(supervised.note, services.blobs, work)
    await client.start_new(MAILBOX.name, MAILBOX_INSTANCE, job)
    logging.info("the mailbox is watched")
    return True

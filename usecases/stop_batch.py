"""Stopping a batch: what is being checked is finished, nothing more is begun, and no invoice is claimed."""

from __future__ import annotations

import asyncio

import azure.durable_functions as df

from invoicing.records.answers.batches import ENDED
from invoicing.records.batch import BatchRecord
from stores.batches import BatchStore
from stores.blobs import Blobs
from usecases.batch_status import read_batch
from usecases.refusals import NotNow
from usecases.run_status import status_of


async def ask_to_stop(client: df.DurableOrchestrationClient, blobs: Blobs, batch: str) -> BatchRecord:
    """Ask that a batch be stopped. Raises Unknown, and NotNow where it has ended or people decide already."""
    record = await asyncio.to_thread(read_batch, blobs, batch)
    run = await status_of(client, blobs, batch)
    if run.state in ENDED:
        raise NotNow("batch_ended", f"The batch has ended already: it is {run.state}.")
    if run.progress.get("phase") == "approval":
        # All is checked, claimed and reported; what is left are the invoices, each with a run of its own.
        text = (
            "All documents are checked, and people decide on them now: there is nothing left of the batch "
            "that could be stopped. Reject the invoices that shall not be paid, or close their runs."
        )
        raise NotNow("people_decide", text)

    await asyncio.to_thread(BatchStore(blobs).ask_to_stop, batch)
    return record


async def is_asked_to_stop(blobs: Blobs, batch: str) -> bool:
    """Say whether somebody asked that a batch be stopped."""
    return await asyncio.to_thread(BatchStore(blobs).is_asked_to_stop, batch)

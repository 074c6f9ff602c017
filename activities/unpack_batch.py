"""Unpack: from what came in to a manifest of chunks of documents."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.batch_steps import UNPACK_BATCH, BatchJob, Unpacked
from usecases import unpack_batch as unpacking

bp = df.Blueprint()


@activity(bp, UNPACK_BATCH)
def unpack_batch(job: BatchJob) -> Unpacked:
    """Divide the batch's documents into chunks and write how."""
    return unpacking.unpack_batch(services.current(), job)

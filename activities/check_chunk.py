"""Check: read the documents of a chunk and hold them against the official rules and our own."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.batch_steps import CHECK_CHUNK, ChunkJob, PartResult
from usecases import check_chunk as checking

bp = df.Blueprint()


@activity(bp, CHECK_CHUNK)
def check_chunk(job: ChunkJob) -> PartResult:
    """Check a chunk, or a part of it, and write one row for each document."""
    return checking.check_chunk(services.current(), job)

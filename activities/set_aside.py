"""Set aside: a document whose processing kept failing leaves the batch, and the report names it."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.batch import Span
from invoicing.records.batch_steps import FIND_CHUNK_BOUNDS, SET_ASIDE, ChunkRef, PartResult, SetAsideJob
from usecases import check_chunk as checking

bp = df.Blueprint()


@activity(bp, FIND_CHUNK_BOUNDS)
def find_chunk_bounds(chunk: ChunkRef) -> Span:
    """The numbers of a chunk's first and last document."""
    return checking.span_of_chunk(services.current(), chunk)


@activity(bp, SET_ASIDE)
def set_aside(job: SetAsideJob) -> PartResult:
    """Keep a document apart and write its row."""
    return checking.set_aside(services.current(), job)

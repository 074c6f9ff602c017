"""Count: how far the check of a batch is."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.batch import Counts
from invoicing.records.batch_steps import COUNT_RESULTS, BatchRef
from stores.results import ResultStore

bp = df.Blueprint()


@activity(bp, COUNT_RESULTS)
def count_results(batch: BatchRef) -> Counts:
    """Documents by outcome so far; no row is read."""
    return ResultStore(services.current().blobs).progress(batch.batch)

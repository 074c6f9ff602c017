"""Claim: each valid invoice of a batch is taken once; then the batch's rows are final."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.batch_steps import CLAIM_INVOICES, BatchRef, PartResult
from usecases.claim_batch import claim_batch

bp = df.Blueprint()


@activity(bp, CLAIM_INVOICES)
def claim_invoices(batch: BatchRef) -> PartResult:
    """Claim the batch's valid invoices, and write its final rows with their totals."""
    return claim_batch(services.current(), batch.batch)

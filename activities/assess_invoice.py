"""Assess: read one invoice that came alone and hold it against the rules."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.invoice_steps import ASSESS_INVOICE, Assessed, AssessJob
from usecases import check_invoice

bp = df.Blueprint()


@activity(bp, ASSESS_INVOICE)
def assess_invoice(job: AssessJob) -> Assessed:
    """Check the invoice and keep its row; repeating it keeps the same row again."""
    return check_invoice.assess_invoice(services.current(), job.invoice, job.today)

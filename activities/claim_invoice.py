"""Claim the number of one invoice, and give a claim back where the invoice is not paid after all."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.base import InvoiceId, Reference
from invoicing.records.invoice_steps import CLAIM_INVOICE, RELEASE_CLAIM, Claimed, Compensated
from usecases import check_invoice

bp = df.Blueprint()


@activity(bp, CLAIM_INVOICE)
def claim_invoice(invoice: str) -> Claimed:
    """Claim the number of an invoice that came alone; a duplicate's row says whose it is."""
    return check_invoice.claim_invoice(services.current(), InvoiceId(invoice))


@activity(bp, RELEASE_CLAIM)
def release_claim(reference: str) -> Compensated:
    """Give back the claim of `i…` or `b…/17`, so that a corrected copy is no duplicate of it."""
    done = check_invoice.release_claim(services.current(), Reference(reference))
    return Compensated(done=done)

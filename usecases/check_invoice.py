"""The first steps of an invoice that came alone: check it, claim its number, and give the claim back."""

from __future__ import annotations

import hashlib
import logging
from datetime import date

from adapters.checking.checker import GivenUp
from adapters.services import Services
from invoicing.approval import names
from invoicing.batching import Document
from invoicing.outcomes import RowLine, duplicate_row, line_of, set_aside_row
from invoicing.records.base import InvoiceId, Reference
from invoicing.records.invoice_steps import Assessed, Claimed
from stores.claims import Claim, ClaimStore
from stores.invoices import InvoiceStore
from usecases.find_route import NotRouted, claim_of


def assess_invoice(services: Services, invoice: InvoiceId, today: date) -> Assessed:
    """Read an invoice, hold it against the rules, and keep its row.

    Bad input is an outcome, and so is a document that breaks its budget; repeating it keeps the same row.
    """
    store = InvoiceStore(services.blobs)
    document = Document(1, store.record(invoice).name, store.document(invoice))
    [result] = services.checker.check([document], today)
    if isinstance(result, GivenUp):
        logging.warning("invoice %s was set aside", invoice)
        result = _set_aside(document, result.reason)
    store.put_row(invoice, result.text)
    return Assessed(outcome=result.outcome)


def _set_aside(document: Document, reason: str) -> RowLine:
    """The row that says so; the document stays where it is, with the invoice."""
    digest = hashlib.sha256(document.content).hexdigest()
    return line_of(set_aside_row(document.n, document.name, len(document.content), digest, reason))


def claim_invoice(services: Services, invoice: InvoiceId) -> Claimed:
    """Claim the number of an invoice that came alone; a duplicate's row says whose it is.

    Repeating it changes nothing. Raises NotRouted.
    """
    store = InvoiceStore(services.blobs)
    row = store.row(invoice)
    if row is None:
        raise NotRouted(f"{invoice} was not checked")
    if not row.claim:
        return Claimed(outcome="ok", claimed=False)

    claim = Claim(row.claim, names.claim_owner(invoice))
    holder = ClaimStore(services.blobs).claim(claim)
    if holder is None:
        return Claimed(outcome="ok", claimed=True)
    if row.outcome != "duplicate":
        store.put_row(invoice, duplicate_row(row, invoice, holder))
    return Claimed(outcome="duplicate", holder=holder)


def release_claim(services: Services, reference: Reference) -> bool:
    """Give back the claim of `i…` or `b…/17`, so that a corrected copy is no duplicate of it.

    Says whether there was one. Repeating it changes nothing more. Raises NotRouted.
    """
    claim = claim_of(services.blobs, reference)
    if not claim:
        return False
    return ClaimStore(services.blobs).release(claim, names.claim_owner(reference))

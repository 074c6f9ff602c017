"""Assess: read one invoice that came alone and hold it against the rules."""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import date

import azure.durable_functions as df

from adapters import services
from adapters.checking.checker import GivenUp
from invoicing.approval import names
from invoicing.batching import Document
from invoicing.outcomes import RowLine, line_of, set_aside_row

bp = df.Blueprint()


@bp.activity_trigger(input_name="job")
def assess_invoice(job: dict) -> dict:
    """Check the invoice and write its row.

    Input: `{"invoice", "today": ISO date}`. Output: `{"outcome": "valid" | "invalid" | "unreadable" |
    "set_aside"}`. Bad input is an outcome, and so is a document that breaks its budget; repeating it writes
    the same row again.
    """
    here, invoice = services.current(), job["invoice"]
    name = json.loads(here.blobs.read(names.invoice_record(invoice)))["name"]
    document = Document(1, name, here.blobs.read(names.invoice_document(invoice)))
    [result] = here.checker.check([document], date.fromisoformat(job["today"]))
    if isinstance(result, GivenUp):
        logging.warning("invoice %s was set aside", invoice)
        result = _set_aside(document, result.reason)
    here.blobs.write(names.invoice_result(invoice), result.text)
    return {"outcome": result.outcome}


def _set_aside(document: Document, reason: str) -> RowLine:
    """The row that says so; the document stays where it is, with the invoice."""
    digest = hashlib.sha256(document.content).hexdigest()
    return line_of(set_aside_row(document.n, document.name, len(document.content), digest, reason))

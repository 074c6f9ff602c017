"""Claim one invoice, and give a claim back where the invoice is not paid after all."""

from __future__ import annotations

import json

import azure.durable_functions as df

from activities.routed import row_of
from adapters import services
from invoicing.approval import names
from invoicing.outcomes import duplicate_row
from invoicing.records.document import DocumentRow
from stores.claims import Claim, ClaimStore

bp = df.Blueprint()


@bp.activity_trigger(input_name="invoice")
def claim_invoice(invoice: str) -> dict:
    """Claim an invoice that came alone.

    Output: `{"outcome": "ok", "claimed": bool}` (false where it has no number or supplier to compare), or
    `{"outcome": "duplicate", "holder"}`, which also stands in its row then. Repeating it changes nothing.
    """
    blobs = services.current().blobs
    row = json.loads(blobs.read(names.invoice_result(invoice)))
    if not row["claim"]:
        return {"outcome": "ok", "claimed": False}
    owner = names.claim_owner(invoice)
    holder = ClaimStore(blobs).claim(Claim(row["claim"], owner))
    if holder is None:
        return {"outcome": "ok", "claimed": True}
    if row["outcome"] != "duplicate":
        told = duplicate_row(DocumentRow.model_validate(row), invoice, holder)
        blobs.write(names.invoice_result(invoice), told.as_json())
    return {"outcome": "duplicate", "holder": holder}


@bp.activity_trigger(input_name="ref")
def release_claim(ref: str) -> dict:
    """Give back the claim of `i…` or `b…/17`, so that a corrected copy is no duplicate of it.

    Output: `{"done": bool}`: false where there was none. Repeating it changes nothing more.
    """
    blobs = services.current().blobs
    claim = row_of(blobs, ref)["claim"]
    if not claim:
        return {"done": False}
    return {"done": ClaimStore(blobs).release(claim, names.claim_owner(ref))}

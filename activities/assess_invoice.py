"""Assess: read one invoice that came alone and hold it against the rules."""

from __future__ import annotations

import json
from datetime import date

import azure.durable_functions as df

from adapters import services
from invoicing.approval import names
from invoicing.assess import row

bp = df.Blueprint()


@bp.activity_trigger(input_name="job")
def assess_invoice(job: dict) -> dict:
    """Check the invoice and write its row.

    Input: `{"invoice", "today": ISO date}`. Output: `{"outcome": "valid" | "invalid" | "unreadable"}`. Bad
    input is an outcome; repeating it writes the same row again.
    """
    here, invoice = services.current(), job["invoice"]
    name = json.loads(here.blobs.read(names.invoice_record(invoice)))["name"]
    content = here.blobs.read(names.invoice_document(invoice))
    assessment = here.checker.assess(name, content, date.fromisoformat(job["today"]))
    result = row(1, name, content, assessment)
    here.blobs.write(names.invoice_result(invoice), json.dumps(result, ensure_ascii=False).encode())
    return {"outcome": result["outcome"]}

"""Answers that are files, for the API and the pages: the report of a batch, and documents as they came in."""

from __future__ import annotations

from urllib.parse import quote

import azure.durable_functions as df
import azure.functions as func

from invoicing.report import WRITERS
from stores.blobs import Blobs
from triggers.errors import Refused
from usecases.batch_files import report_of

# The report is a page of our own making, yet it shows what strangers sent: nothing in it may run or load.
_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
)


async def report_response(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, blobs: Blobs
) -> func.HttpResponse:
    """The report of the batch of the route, in the format that the query names.

    Raises Refused, Unknown, and NotNow.
    """
    kind = req.params.get("format", "json").lower()
    if kind not in WRITERS:
        raise Refused(400, "bad_format", f"The format is one of {', '.join(WRITERS)}.")
    batch = req.route_params["id"]
    content = await report_of(client, blobs, batch, kind)
    media_type, _ = WRITERS[kind]
    headers = {"Content-Type": media_type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if kind == "html":
        headers |= {"Content-Security-Policy": _REPORT_POLICY, "Referrer-Policy": "no-referrer"}
    elif kind != "json":
        headers["Content-Disposition"] = f'attachment; filename="{batch}.{kind}"'
    return func.HttpResponse(content, headers=headers)


def document_response(name: str, content: bytes) -> func.HttpResponse:
    """Somebody else's file: it is saved, never shown as a page of ours."""
    saved_as = quote(name.rpartition("/")[2] or "document", safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{saved_as}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return func.HttpResponse(content, headers=headers, mimetype="application/octet-stream")

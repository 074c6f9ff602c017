"""The HTTP API of single invoices: send one in, and see what became of it."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from adapters import policies, services
from adapters.services import Services
from invoicing.approval import names
from invoicing.supervision import OpenWork
from stores import intake_records, supervised
from stores.blobs import BlobMissing, Blobs
from stores.intake_records import InvoiceRecord, told
from triggers.batch_view import state_of
from triggers.idempotency import reserve
from triggers.invoice_requests import InvoiceRequest, parse, sender_named
from triggers.invoice_view import ENDED, links, view
from triggers.own_links import own_links
from triggers.people import who_if_any
from triggers.responses import POLL_SECONDS, Refused, answers_errors, json_response
from triggers.statuses import status_of

bp = df.Blueprint()

#: Ends from which the same document may be sent again: nothing came of it, and not by anybody's decision.
_RESTARTED = ("missing", "failed", "stopped", "set_aside")


@bp.route(route="api/invoices", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def start_invoice(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Take in one invoice (XML, PDF, or one file of a form) and answer 202 with its status URL.

    The same content, or the same `Idempotency-Key`, finds the invoice that is there already. `sender` says
    who sent it in, unless that person is signed in; they may not approve it.
    """
    record, state = await begin(req, client)
    own = own_links(req, "invoices")
    onward = links(own.base, record.id, None, own.key)
    body = {"id": record.id, "status": state, "created": told(record.created), "links": onward}
    return json_response(body, 202, {"Location": onward["self"], "Retry-After": str(POLL_SECONDS)})


@bp.route(route="api/invoices/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def get_invoice(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """What became of an invoice: 202 while it is on its way (also while people decide), 200 afterwards."""
    blobs, invoice = services.current().blobs, req.route_params["id"]
    record = await asyncio.to_thread(_record, blobs, invoice)
    # First the status, then the row: read the other way round, an end could be told without its findings.
    status = await status_of(client, invoice)
    row = await asyncio.to_thread(_row, blobs, invoice)
    own = own_links(req, "invoices")
    body = view(record, status, row, own.base, own.key)
    if state_of(status) in ENDED:
        return json_response(body)
    return json_response(body, 202, {"Location": body["links"]["self"], "Retry-After": str(POLL_SECONDS)})


# ---------------------------------------------------------------- steps of the handlers


async def begin(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> tuple[InvoiceRecord, str]:
    """Take in the invoice that a request brings; returns its record and its state. Raises Refused.

    Raises PolicyInvalid, too: better no invoice than one that nobody can be asked about.
    """
    here = services.current()
    asked = await asyncio.to_thread(parse, req, here.settings)
    sender = await asyncio.to_thread(_sender, here, req)
    await asyncio.to_thread(policies.load, here.settings)
    await asyncio.to_thread(lambda: here.checker)  # better no invoice than one that no worker can check
    record = await asyncio.to_thread(_reserve, here.blobs, asked, sender)
    state = state_of(await status_of(client, asked.invoice))
    if state in _RESTARTED:
        work = _work_of(asked.invoice)
        await asyncio.to_thread(_store, here.blobs, asked, work)
        await _start(client, work)
        state = "running"
    return record, state


def _sender(here: Services, req: func.HttpRequest) -> str | None:
    """Who is signed in, else whom the caller names; the two must not differ. Raises Refused."""
    signed_in, named = who_if_any(req, here), sender_named(req)
    if signed_in is None:
        return named
    if named and named != signed_in.person:
        raise Refused(403, "bad_sender", "The sender is somebody else than who is signed in.")
    return signed_in.person


def _reserve(blobs: Blobs, asked: InvoiceRequest, sender: str | None) -> InvoiceRecord:
    """Write the invoice's record, or read the one that is there: of two equal requests one wins."""
    record = InvoiceRecord(
        id=asked.invoice,
        created=datetime.now(UTC),
        name=asked.name,
        size=len(asked.content),
        sha256=asked.sha256,
        sender=sender,
        fingerprint=asked.fingerprint,
    )
    reused = "This Idempotency-Key was used for another document. Use a new key for a new invoice."
    name = names.invoice_record(asked.invoice)
    data = intake_records.to_bytes(record)
    return reserve(blobs, name, record, data, lambda: _record(blobs, asked.invoice), reused)


def _work_of(invoice: str) -> OpenWork:
    """What the run that begins now stands for."""
    job = {"invoice": invoice, "run": uuid.uuid4().hex}
    return OpenWork(instance=invoice, orchestrator="invoice", input=job)


def _store(blobs: Blobs, asked: InvoiceRequest, work: OpenWork) -> None:
    """Store what the workflow begins with, and note the work, so that a lost run is begun again."""
    blobs.write(names.invoice_document(asked.invoice), asked.content)
    supervised.note(blobs, work)


async def _start(client: df.DurableOrchestrationClient, work: OpenWork) -> None:
    """Start the orchestration; one that an equal request started a moment ago is as good."""
    try:
        await client.start_new(work.orchestrator, work.instance, work.input)
    except Exception:
        if state_of(await status_of(client, work.instance)) == "missing":
            raise
        logging.info("invoice %s was started by another request", work.instance)


def _record(blobs: Blobs, invoice: str) -> InvoiceRecord:
    unknown = Refused(404, "unknown_invoice", "There is no invoice of this id.")
    if not names.is_invoice_id(invoice):
        raise unknown
    try:
        return intake_records.read_invoice(blobs, invoice)
    except BlobMissing as error:
        raise unknown from error


def _row(blobs: Blobs, invoice: str) -> dict[str, Any] | None:
    try:
        return json.loads(blobs.read(names.invoice_result(invoice)))
    except BlobMissing:
        return None  # it is not checked yet

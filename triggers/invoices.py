"""The HTTP API of single invoices: send one in, and see what became of it."""

from __future__ import annotations

import asyncio

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from adapters.services import Services
from invoicing.records.answers.invoices import InvoiceAccepted
from triggers.callback_urls import subscription_link
from triggers.errors import Refused
from triggers.invoice_requests import parse, sender_named
from triggers.invoice_view import links, view
from triggers.own_links import own_links
from triggers.people import person_named, who_if_any
from triggers.responses import accepted, answer, answers_errors
from usecases.invoice_status import invoice_state, invoice_status
from usecases.take_in_invoice import take_in_invoice
from usecases.withdraw_invoice import withdraw_invoice

bp = df.Blueprint()


@bp.route(route="api/invoices", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def start_invoice(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Take in one invoice (XML, PDF, or one file of a form) and answer 202 with its status URL.

    The same content, or the same `Idempotency-Key`, finds the invoice that is there already. `sender` says
    who sent it in, unless that person is signed in; they may not approve it. `callback_url` is told of
    the end.
    """
    app = services.current()
    new = await asyncio.to_thread(parse, req, app.settings)
    sender = await asyncio.to_thread(_sender, app, req)
    taken = await take_in_invoice(app, client, new, sender)
    record = taken.record
    onward = links(own_links(req, "invoices"), record.id)
    onward |= subscription_link(req, record.id, new.callback_url)
    body = InvoiceAccepted(
        id=record.id, status=invoice_state(taken.state), created=record.created, links=onward
    )
    return accepted(body, onward["self"])


@bp.route(route="api/invoices/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def get_invoice(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """What became of an invoice: 202 while it is on its way (also while people decide), 200 afterwards."""
    status = await invoice_status(client, services.current().blobs, req.route_params["id"])
    body = view(status, own_links(req, "invoices"), own_links(req, "approvals"))
    return answer(body) if body.has_ended else accepted(body, body.links["self"], body.created)


@bp.route(route="api/invoices/{id}", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def delete_invoice(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Withdraw an invoice that is not booked; `who`, unless somebody is signed in, and `why` in the query."""
    app = services.current()
    invoice = req.route_params["id"]
    who = await asyncio.to_thread(person_named, req, app, req.params.get("who", ""))
    await withdraw_invoice(app, client, invoice, who, req.params.get("why", "").strip(), app.clock())
    status = await invoice_status(client, app.blobs, invoice)
    return answer(view(status, own_links(req, "invoices"), own_links(req, "approvals")))


def _sender(app: Services, req: func.HttpRequest) -> str | None:
    """Who is signed in, else whom the caller names; the two must not differ. Raises Refused."""
    signed_in = who_if_any(req, app)
    named = sender_named(req)
    if signed_in is None:
        return named
    if named and named != signed_in.person:
        raise Refused(403, "bad_sender", "The sender is somebody else than who is signed in.")
    return signed_in.person

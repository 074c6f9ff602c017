"""The HTTP API of batches: start, status, report, one document, list, stop."""

from __future__ import annotations

import asyncio

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from invoicing.records.answers.batches import BatchAccepted, Batches, BatchState
from invoicing.records.batch import BatchRecord
from triggers.batch_requests import parse
from triggers.batch_view import links, view
from triggers.callback_urls import subscription_link
from triggers.files import document_response, report_response
from triggers.own_links import own_links
from triggers.people import who_if_any
from triggers.request_texts import page_token, whole
from triggers.responses import accepted, answer, answers_errors
from usecases.batch_files import document_of
from usecases.batch_status import batch_state, batch_status, page_of_batches
from usecases.stop_batch import ask_to_stop
from usecases.take_in_batch import take_in_batch

bp = df.Blueprint()

_PAGE = 20
_LARGEST_PAGE = 100


@bp.route(route="api/batches", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def start_batch(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Take in a batch (zip, multipart files, or JSON that names a container) and answer 202 with its
    status URL.

    The same content, or the same `Idempotency-Key`, finds the batch that is there already. `callback_url` is
    told of the end.
    """
    app = services.current()
    new = await asyncio.to_thread(parse, req, app.settings)
    sender = await asyncio.to_thread(who_if_any, req, app)
    taken = await take_in_batch(app, client, new, sender.person if sender else None)
    return _accepted(req, taken.record, batch_state(taken.state), new.callback_url)


@bp.route(route="api/batches/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def get_batch(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """The status of a batch: 202 while it runs, 200 once it has ended.

    So that a poller knows when to stop.
    """
    batch = req.route_params["id"]
    seen = await batch_status(client, services.current().blobs, batch)
    body = view(seen.status, own_links(req, "batches"))
    return answer(body) if body.has_ended else accepted(body, body.links["self"], body.created)


@bp.route(route="api/batches", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def list_batches(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """All batches, the newest first, a page at a time (`top`, `page`)."""
    top = whole(req, "top", _PAGE, 1, _LARGEST_PAGE)
    listed = await page_of_batches(client, services.current().blobs, top, page_token(req))
    own = own_links(req, "batches")
    body = Batches(
        batches=tuple(view(seen.status, own) for seen in listed.found),
        damaged=tuple(listed.damaged),
        links={"next": own.to(top=str(top), page=listed.next_token)} if listed.next_token else {},
    )
    return answer(body)


@bp.route(route="api/batches/{id}", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def stop_batch(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Stop a batch: what is being checked is finished, nothing more is begun, and no invoice is claimed."""
    record = await ask_to_stop(client, services.current().blobs, req.route_params["id"])
    return _accepted(req, record, "stopping")


@bp.route(route="api/batches/{id}/report", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def get_report(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """The report of a batch as `format=json|csv|xlsx|html`."""
    return await report_response(req, client, services.current().blobs)


@bp.route(route="api/batches/{id}/documents/{n:int}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_document(req: func.HttpRequest) -> func.HttpResponse:
    """One document of a batch, byte for byte as it came in."""
    batch = req.route_params["id"]
    n = int(req.route_params["n"])
    name, content = await asyncio.to_thread(document_of, services.current().blobs, batch, n)
    return document_response(name, content)


def _accepted(
    req: func.HttpRequest, record: BatchRecord, state: BatchState, callback_url: str | None = None
) -> func.HttpResponse:
    onward = links(own_links(req, "batches"), record.batch, state)
    onward |= subscription_link(req, record.batch, callback_url)
    body = BatchAccepted(id=record.batch, status=state, created=record.created, links=onward)
    return accepted(body, onward["self"])

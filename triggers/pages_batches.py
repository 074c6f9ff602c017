"""`/batches`: send files in, watch a batch, get its report and its documents."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from adapters.identity import Identity
from invoicing.records.approval import InboxEntry
from stores import approvals
from stores.blobs import Blobs
from triggers.batch_requests import parse
from triggers.errors import Refused, refusal_of
from triggers.files import document_response, report_response
from triggers.pages_common import SECURITY_HEADERS, checked_form, page, page_response, redirect, visitor
from triggers.request_texts import page_token
from usecases.batch_files import document_of
from usecases.batch_status import BatchSeen, batch_status, page_of_batches
from usecases.holding import of_instance
from usecases.refusals import NotDone, NotNow
from usecases.stop_batch import ask_to_stop, is_asked_to_stop
from usecases.take_in_batch import take_in_batch
from web.views.batches import Batch, batch_shown
from web.views.inbox import owed
from web.words import as_moment

bp = df.Blueprint()

_PAGE = 25
#: Seconds until a page of a running batch renews itself.
REFRESH = 3
# A form with the files of one batch: each is a part, besides the few fields.
_FIELDS = 10


@bp.route(route="batches", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def page_batches(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """All batches, the newest first, and the form for a new one."""
    return await _list(req, client, await visitor(req))


@bp.route(route="batches", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def send_batch(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Take in the files of the form and go on to the batch's page."""
    identity = await visitor(req)
    app = services.current()
    _check_size(req, app.settings.max_body)
    most_parts = app.settings.limits.max_documents + _FIELDS
    await asyncio.to_thread(checked_form, req, identity, most_parts)
    try:
        new = await asyncio.to_thread(parse, req, app.settings)
        taken = await take_in_batch(app, client, new, identity.person)
    except (Refused, NotDone) as error:
        return await _list(req, client, identity, refusal_of(error))
    return redirect(f"/batches/{taken.record.batch}")


@bp.route(route="batches/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def page_batch(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """One batch; while it runs, the page renews itself unless the address says otherwise."""
    identity = await visitor(req)
    blobs = services.current().blobs
    name = req.route_params["id"]
    seen = await batch_status(client, blobs, name)
    stopping = seen.status.status == "running" and await is_asked_to_stop(blobs, name)
    shown = _shown(seen, stopping=stopping)
    live = shown.running and req.params.get("live") != "off"
    return page_response(
        "batch.html",
        req=req,
        identity=identity,
        headers={"Refresh": str(REFRESH)} if live else {},
        batch=shown,
        live=live,
        every=REFRESH,
        approvals=await asyncio.to_thread(_open_approvals, blobs, name),
        holds=await asyncio.to_thread(of_instance, blobs, name),
    )


@bp.route(route="batches/{id}/stop", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def stop_from_page(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Ask that a batch be stopped; one that has ended stays as it is."""
    identity = await visitor(req)
    await asyncio.to_thread(checked_form, req, identity)
    name = req.route_params["id"]
    with contextlib.suppress(NotNow):
        await ask_to_stop(client, services.current().blobs, name)
    return redirect(f"/batches/{name}")


@bp.route(route="batches/{id}/report", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def page_report(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """The report of a batch, for people without a key to the API."""
    await visitor(req)
    return await report_response(req, client, services.current().blobs)


@bp.route(route="batches/{id}/documents/{n:int}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def page_document(req: func.HttpRequest) -> func.HttpResponse:
    """One document of a batch, as it came in, to be saved."""
    await visitor(req)
    batch = req.route_params["id"]
    n = int(req.route_params["n"])
    name, content = await asyncio.to_thread(document_of, services.current().blobs, batch, n)
    answer = document_response(name, content)
    answer.headers["Referrer-Policy"] = SECURITY_HEADERS["Referrer-Policy"]
    return answer


# ---------------------------------------------------------------- steps


def _check_size(req: func.HttpRequest, most: int) -> None:
    """Refuse, in words for people, what is larger than a batch may be. Raises Refused (413)."""
    if len(req.get_body()) > most:
        text = f"These files have more than {most // 1_000_000} MB together. Send them in parts."
        raise Refused(413, "body_too_large", text)


async def _list(
    req: func.HttpRequest,
    client: df.DurableOrchestrationClient,
    identity: Identity,
    refused: Refused | None = None,
) -> func.HttpResponse:
    app = services.current()
    token = None if refused else page_token(req)
    listed = await page_of_batches(client, app.blobs, _PAGE, token)
    return page_response(
        "batches.html",
        req=req,
        identity=identity,
        status=refused.status if refused else 200,
        batches=[_shown(seen) for seen in listed.found],
        damaged=listed.damaged,
        next=listed.next_token,
        problem=refused.message if refused else None,
        limit=app.settings.max_body // 1_000_000,
        mailbox=app.settings.mailbox is not None,
    )


def _shown(seen: BatchSeen, *, stopping: bool = False) -> Batch:
    """A batch as pages show it; how long it took is known once it has ended."""
    ended = as_moment(seen.changed) if seen.status.has_ended else None
    return batch_shown(seen.status, datetime.now(UTC), ended=ended, stopping=stopping)


def _open_approvals(blobs: Blobs, name: str) -> list[InboxEntry]:
    """What waits of a batch, with amounts as the inbox shows them."""
    return [
        item.model_copy(update={"amount": owed(item)})
        for item in approvals.inbox(blobs)
        if item.batch == name
    ]

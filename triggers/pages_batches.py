"""`/batches`: send files in, watch a batch, get its report and its documents."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from adapters.identity import Identity
from invoicing.batch_ids import is_batch_id
from stores import approvals, batch_names
from stores.approvals import InboxItem
from stores.blobs import Blobs, StorageRefused
from stores.records import RecordDamaged
from triggers import batches as api
from triggers.batch_view import ENDED, state_of, view
from triggers.pages_common import SECURITY_HEADERS, checked_form, page, page_response, redirect, visitor
from triggers.request_texts import bad_page, page_token
from triggers.responses import Refused
from triggers.statuses import status_of
from web.views.batches import Batch, batch
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
    identity, settings = await visitor(req), services.current().settings
    if len(req.get_body()) > settings.max_body:
        limit = settings.max_body // 1_000_000
        raise Refused(
            413, "body_too_large", f"These files have more than {limit} MB together. Send them in parts."
        )
    await asyncio.to_thread(checked_form, req, identity, settings.limits.max_documents + _FIELDS)
    try:
        record, _ = await api.begin(req, client)
    except Refused as refused:
        if refused.status >= 500:
            raise
        return await _list(req, client, identity, refused)
    return redirect(f"/batches/{record.batch}")


@bp.route(route="batches/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def page_batch(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """One batch; while it runs, the page renews itself unless the address says otherwise."""
    identity, blobs, name = await visitor(req), services.current().blobs, _batch_id(req)
    shown = await _shown(client, blobs, name, counting=True)
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
    )


@bp.route(route="batches/{id}/stop", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def stop_from_page(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Ask that a batch be stopped; one that has ended stays as it is."""
    identity, blobs, name = await visitor(req), services.current().blobs, _batch_id(req)
    await asyncio.to_thread(checked_form, req, identity)
    await asyncio.to_thread(api.read_record, blobs, name)
    if state_of(await status_of(client, name)) not in ENDED:
        await asyncio.to_thread(blobs.write, batch_names.stop_mark(name), b"")
    return redirect(f"/batches/{name}")


@bp.route(route="batches/{id}/report", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def page_report(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """The report of a batch, for people without a key to the API."""
    await visitor(req)
    return await api.report_response(req, client, _batch_id(req))


@bp.route(route="batches/{id}/documents/{n:int}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def page_document(req: func.HttpRequest) -> func.HttpResponse:
    """One document of a batch, as it came in, to be saved."""
    await visitor(req)
    answer = await api.document_response(_batch_id(req), int(req.route_params["n"]))
    answer.headers["Referrer-Policy"] = SECURITY_HEADERS["Referrer-Policy"]
    return answer


# ---------------------------------------------------------------- steps


def _batch_id(req: func.HttpRequest) -> str:
    name = req.route_params["id"]
    if not is_batch_id(name):
        raise Refused(404, "unknown_batch", "There is no batch under this address.")
    return name


async def _list(
    req: func.HttpRequest,
    client: df.DurableOrchestrationClient,
    identity: Identity,
    refused: Refused | None = None,
) -> func.HttpResponse:
    here = services.current()
    token = None if refused else page_token(req)
    try:
        listed = await asyncio.to_thread(here.blobs.page, batch_names.INDEX, _PAGE, token)
    except StorageRefused as error:
        raise bad_page() from error
    names = [batch_names.batch_of_index(blob.name) for blob in listed.blobs]
    found = await asyncio.gather(*(_shown_or_not(client, here.blobs, name) for name in names))
    return page_response(
        "batches.html",
        req=req,
        identity=identity,
        status=refused.status if refused else 200,
        batches=[one for one in found if isinstance(one, Batch)],
        damaged=[name for name, one in zip(names, found, strict=True) if isinstance(one, RecordDamaged)],
        next=listed.next_token,
        problem=refused.message if refused else None,
        limit=here.settings.max_body // 1_000_000,
    )


async def _shown(
    client: df.DurableOrchestrationClient, blobs: Blobs, name: str, *, counting: bool = False
) -> Batch:
    """A batch as pages show it. `counting` looks at the results: fresher than the run's own word."""
    record, status = await asyncio.gather(
        asyncio.to_thread(api.read_record, blobs, name), status_of(client, name)
    )
    running, counts, stopping = state_of(status) not in (*ENDED, "missing"), None, False
    if running and counting:
        counts, stopping = await asyncio.gather(
            api.progress_now(blobs, name),
            asyncio.to_thread(blobs.exists, batch_names.stop_mark(name)),
        )
    body: dict[str, Any] = view(record, status, "", counts)
    ended = None if running or not status else as_moment(status.last_updated_time)
    return batch(body, datetime.now(UTC), ended=ended, stopping=stopping)


async def _shown_or_not(
    client: df.DurableOrchestrationClient, blobs: Blobs, name: str
) -> Batch | RecordDamaged | None:
    if not is_batch_id(name):
        return RecordDamaged(name)
    try:
        return await _shown(client, blobs, name)
    except Refused:
        return None  # an operator deleted it between the listing and now
    except RecordDamaged as error:
        logging.warning("%s", error)
        return error


def _open_approvals(blobs: Blobs, name: str) -> list[InboxItem]:
    """What waits of a batch, with amounts as the inbox shows them."""
    return [replace(item, amount=owed(item)) for item in approvals.inbox(blobs) if item.batch == name]

"""The HTTP API of batches: start, status, report, one document, list, stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import azure.durable_functions as df
import azure.functions as func

from activities.results import progress
from adapters import policies, services
from invoicing.batch_ids import is_batch_id
from invoicing.report import WRITERS
from invoicing.supervision import OpenWork
from stores import batch_names, intake_records, supervised
from stores.batch_sources import source_of
from stores.blobs import BlobConflict, BlobMissing, Blobs, StorageRefused
from stores.intake_records import BatchRecord, BatchSource, told
from stores.records import RecordDamaged
from triggers.batch_requests import BatchRequest, parse
from triggers.batch_view import ENDED, is_checking, links, state_of, view
from triggers.idempotency import reserve
from triggers.own_links import own_links
from triggers.people import who_if_any
from triggers.reading import KeptReading, SharedReading
from triggers.request_texts import bad_page, page_token, whole
from triggers.responses import POLL_SECONDS, Refused, answers_errors, json_response
from triggers.statuses import status_of

bp = df.Blueprint()

Result = TypeVar("Result")

_PAGE, _LARGEST_PAGE = 20, 100
# The report is a page of our own making, yet it shows what strangers sent: nothing in it may run or load.
_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
)


async def _off_loop(call: Callable[..., Result], *args: Any) -> Result:
    """Run a blocking call in a thread, so that other requests go on."""
    return await asyncio.to_thread(call, *args)


@bp.route(route="api/batches", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def start_batch(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Take in a batch (zip, multipart files, or JSON that names a container) and answer 202 with its
    status URL.

    The same content, or the same `Idempotency-Key`, finds the batch that is there already.
    """
    record, state = await begin(req, client)
    return _accepted(req, record, state)


@bp.route(route="api/batches/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def get_batch(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """The status of a batch: 202 while it runs, 200 once it has ended.

    So that a poller knows when to stop.
    """
    blobs, batch = services.current().blobs, _batch_id(req)
    status = await status_of(client, batch)
    state = state_of(status)
    record = await record_of(blobs, batch, lasts=state == "running")
    ended = state in ENDED
    counts = await progress_now(blobs, batch) if is_checking(status) else None
    own = own_links(req, "batches")
    body = view(record, status, own.base, counts, own.key)
    if ended:
        return json_response(body)
    return json_response(body, 202, {"Location": body["links"]["self"], "Retry-After": str(POLL_SECONDS)})


@bp.route(route="api/batches", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def list_batches(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """All batches, the newest first, a page at a time (`top`, `page`)."""
    blobs, top = services.current().blobs, whole(req, "top", _PAGE, 1, _LARGEST_PAGE)
    try:
        page = await _off_loop(blobs.page, batch_names.INDEX, top, page_token(req))
    except StorageRefused as error:
        raise bad_page() from error
    names = [batch_names.batch_of_index(blob.name) for blob in page.blobs]
    bodies = await asyncio.gather(*(_listed(req, client, blobs, name) for name in names))
    shown = [one for one in bodies if isinstance(one, dict)]
    damaged = [name for name, one in zip(names, bodies, strict=True) if isinstance(one, RecordDamaged)]
    body: dict[str, Any] = {"batches": shown, "damaged": damaged, "links": {}}
    if page.next_token:
        body["links"]["next"] = _next(req, top, page.next_token)
    return json_response(body)


@bp.route(route="api/batches/{id}", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def stop_batch(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Stop a batch: what is being checked is finished, nothing more is begun, and no invoice is claimed."""
    blobs, batch = services.current().blobs, _batch_id(req)
    record = await _off_loop(read_record, blobs, batch)
    state = state_of(await status_of(client, batch))
    if state in ENDED:
        raise Refused(409, "batch_ended", f"The batch has ended already: it is {state}.")
    await _off_loop(blobs.write, batch_names.stop_mark(batch), b"")
    return _accepted(req, record, "stopping")


@bp.route(route="api/batches/{id}/report", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def get_report(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """The report of a batch as `format=json|csv|xlsx|html`."""
    return await report_response(req, client, _batch_id(req))


@bp.route(route="api/batches/{id}/documents/{n:int}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_document(req: func.HttpRequest) -> func.HttpResponse:
    """One document of a batch, byte for byte as it came in."""
    return await document_response(_batch_id(req), int(req.route_params["n"]))


# ---------------------------------------------------------------- steps of the handlers


async def report_response(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, batch: str
) -> func.HttpResponse:
    """The report of a batch in the format that the request names. Raises Refused."""
    blobs = services.current().blobs
    kind = req.params.get("format", "json").lower()
    if kind not in WRITERS:
        raise Refused(400, "bad_format", f"The format is one of {', '.join(WRITERS)}.")
    await _off_loop(read_record, blobs, batch)
    state = state_of(await status_of(client, batch))
    if state != "completed":
        raise Refused(409, "no_report", f"There is no report: the batch is {state}.", {"status": state})
    content = await _off_loop(blobs.read, batch_names.report(batch, kind))
    media_type, _ = WRITERS[kind]
    headers = {"Content-Type": media_type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if kind == "html":
        headers |= {"Content-Security-Policy": _REPORT_POLICY, "Referrer-Policy": "no-referrer"}
    elif kind != "json":
        headers["Content-Disposition"] = f'attachment; filename="{batch}.{kind}"'
    return func.HttpResponse(content, headers=headers)


async def document_response(batch: str, n: int) -> func.HttpResponse:
    """Document `n` of a batch as a file to be saved. Raises Refused."""
    blobs = services.current().blobs
    await _off_loop(read_record, blobs, batch)
    name, content = await _off_loop(read_document, blobs, batch, n)
    saved_as = quote(name.rpartition("/")[2] or "document", safe="")
    headers = {
        # Somebody else's file: it is saved, never shown as a page of ours.
        "Content-Disposition": f"attachment; filename*=UTF-8''{saved_as}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return func.HttpResponse(content, headers=headers, mimetype="application/octet-stream")


async def begin(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> tuple[BatchRecord, str]:
    """Take in the batch that a request brings; returns its record and its state.

    A batch that ended badly is started again. Raises Refused.
    """
    here = services.current()
    await _off_loop(lambda: here.checker)  # better no batch than one that no worker can check
    asked = await _off_loop(parse, req, here.settings)
    if asked.approval:
        # Better no batch than one whose invoices nobody can approve.
        await _off_loop(policies.load, here.settings)
    sender = await _off_loop(who_if_any, req, here)
    record = await _off_loop(_reserve, here.blobs, asked)
    state = state_of(await status_of(client, asked.batch))
    if state in ("missing", "failed", "stopped"):
        work = _work_of(asked, sender.person if sender else None)
        await _off_loop(_store, here.blobs, asked, record, work)
        await _start(client, work)
        state = "running"
    return record, state


def _batch_id(req: func.HttpRequest) -> str:
    batch = req.route_params["id"]
    if not is_batch_id(batch):
        raise Refused(404, "unknown_batch", "There is no batch of this id.")
    return batch


def read_record(blobs: Blobs, batch: str) -> BatchRecord:
    """What was stored of a batch when it was taken in. Raises Refused (404) and RecordDamaged."""
    try:
        return intake_records.read_batch(blobs, batch)
    except BlobMissing as error:
        raise Refused(404, "unknown_batch", "There is no batch of this id.") from error


#: For the status, which is asked for again and again. Nobody removes the record of a batch that runs.
record_of = KeptReading(read_record)
#: How many documents are checked, as storage says now: every process gives the same answer.
progress_now = SharedReading(progress)


def _reserve(blobs: Blobs, asked: BatchRequest) -> BatchRecord:
    """Write the batch's record, or read the one that is there: of two equal requests one wins.

    Both continue.
    """
    record = BatchRecord(asked.batch, datetime.now(UTC), asked.fingerprint, BatchSource(**asked.source))
    reused = "This Idempotency-Key was used for another request. Use a new key for a new batch."
    name = batch_names.record(asked.batch)
    data = intake_records.to_bytes(record)
    return reserve(blobs, name, record, data, lambda: read_record(blobs, asked.batch), reused)


def _work_of(asked: BatchRequest, sender: str | None) -> OpenWork:
    """What the run that begins now stands for."""
    wishes = {"approval": asked.approval, "wait": asked.wait, "sender": sender}
    job = {"batch": asked.batch, "source": asked.source, **wishes}
    return OpenWork(instance=asked.batch, orchestrator="batch", input=job)


def _store(blobs: Blobs, asked: BatchRequest, record: BatchRecord, work: OpenWork) -> None:
    """Store what the workflow begins with, and note the work, so that a lost run is begun again."""
    if asked.upload is not None:
        # An equal request that was quicker wrote the same bytes: the record has their hash.
        with contextlib.suppress(BlobConflict):
            blobs.write(batch_names.upload(asked.batch), asked.upload)
    blobs.delete(batch_names.stop_mark(asked.batch))
    blobs.write(batch_names.index(asked.batch, record.created), b"")
    supervised.note(blobs, work)


async def _start(client: df.DurableOrchestrationClient, work: OpenWork) -> None:
    """Start the orchestration; one that an equal request started a moment ago is as good."""
    try:
        await client.start_new(work.orchestrator, work.instance, work.input)
    except Exception:
        if state_of(await status_of(client, work.instance)) == "missing":
            raise
        logging.info("batch %s was started by another request", work.instance)


async def _listed(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, blobs: Blobs, batch: str
) -> dict[str, Any] | RecordDamaged | None:
    if not is_batch_id(batch):
        return RecordDamaged(batch)
    status, record = await asyncio.gather(status_of(client, batch), _off_loop(_record_or_not, blobs, batch))
    if not isinstance(record, BatchRecord):
        return record
    own = own_links(req, "batches")
    return view(record, status, own.base, None, own.key)


def _record_or_not(blobs: Blobs, batch: str) -> BatchRecord | RecordDamaged | None:
    """The record of a batch for a list: what is wrong with it costs its own line."""
    try:
        return intake_records.read_batch(blobs, batch)
    except BlobMissing:
        return None  # an operator deleted it between the listing and now
    except RecordDamaged as error:
        logging.warning("%s", error)
        return error


def _next(req: func.HttpRequest, top: int, token: str) -> str:
    own = own_links(req, "batches")
    query = {"top": str(top), "page": token} | ({"code": own.key} if own.key else {})
    return f"{own.base}?{urlencode(query)}"


def _accepted(req: func.HttpRequest, record: BatchRecord, state: str) -> func.HttpResponse:
    own = own_links(req, "batches")
    onward = links(own.base, record.batch, state, own.key)
    body = {"id": record.batch, "status": state, "created": told(record.created), "links": onward}
    return json_response(body, 202, {"Location": onward["self"], "Retry-After": str(POLL_SECONDS)})


def read_document(blobs: Blobs, batch: str, n: int) -> tuple[str, bytes]:
    """Name and content of a document. Raises Refused where it is not there or was not taken."""
    try:
        manifest = json.loads(blobs.read(batch_names.manifest(batch)))
    except BlobMissing as error:
        raise Refused(409, "not_unpacked", "The batch is not unpacked yet. Try again in a moment.") from error
    not_taken = Refused(404, "document_not_taken", "The document was not taken; the report says why.")
    for number, chunk in enumerate(manifest["chunks"]):
        if n in chunk["refused"]:
            raise not_taken
        if any(document["n"] == n for document in chunk["documents"]):
            for found in source_of(blobs, batch, manifest).read(number, n, n).documents:
                return found.name, found.content
            raise not_taken  # it was damaged, which shows when it is read
    raise Refused(404, "unknown_document", f"The batch has no document {n}.")

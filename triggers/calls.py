"""The HTTP API of lists of calls to other hosts: start, status, results, one large answer, stop."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import NoReturn, cast

import azure.durable_functions as df
import azure.functions as func
from pydantic import ValidationError

from adapters import services
from invoicing.records.answers.api_calls import ENDED, CallsAccepted, CallsState
from invoicing.records.api_calls import LARGEST_LIST, MOST_CALLS, CallsAsked, CallsRecord
from invoicing.run_values import json_object
from triggers.callback_urls import callback_url, subscription_link
from triggers.calls_view import call_answer, calls_links, ndjson, page_of, status_of
from triggers.errors import Refused
from triggers.files import document_response
from triggers.forms import off_the_loop
from triggers.idempotency import request_digest
from triggers.own_links import own_links
from triggers.request_texts import media_type, whole
from triggers.responses import accepted, answer, answers_errors
from usecases.calls_status import answer_of, calls_state, calls_status, results_of, stop_calls
from usecases.start_calls import NewCalls, fingerprint_of, start_calls

bp = df.Blueprint()

_PAGE, _LARGEST_PAGE = 100, 500
_FORM = 'Send {"calls": [{"url": "https://…"}, …], "limits": {…}}.'


@bp.route(route="api/calls", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def start_call_list(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Take in a list of calls and answer 202 with its status URL; `callback_url` is told of the end."""
    new = await asyncio.to_thread(_parse, req)
    taken = await start_calls(services.current(), client, new)
    return _accepted(req, taken.record, calls_state(taken.state), new.callback_url)


@bp.route(route="api/calls/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def get_call_list(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """The status of a list: 202 while it runs, 200 once it has ended."""
    seen = await calls_status(client, services.current().blobs, req.route_params["id"])
    body = status_of(seen, own_links(req, "calls"))
    return answer(body) if body.status in ENDED else accepted(body, body.links["self"], body.created)


@bp.route(route="api/calls/{id}", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def stop_call_list(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Stop a list: calls that are under way are ended, and no more are made."""
    record = await stop_calls(client, services.current().blobs, req.route_params["id"])
    return _accepted(req, record, "stopping")


@bp.route(route="api/calls/{id}/results", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def get_call_results(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """What came of the calls so far: a page (`top`, `from`), or all as NDJSON (`format=ndjson`)."""
    form = req.params.get("format", "json")
    if form not in ("json", "ndjson"):
        raise Refused(400, "bad_format", "The format is one of json, ndjson.")
    first, top = whole(req, "from", 1, 1, MOST_CALLS), whole(req, "top", _PAGE, 1, _LARGEST_PAGE)
    own = own_links(req, "calls")
    last = MOST_CALLS if form == "ndjson" else first + top - 1
    calls = req.route_params["id"]
    seen, found = await results_of(client, services.current().blobs, calls, first, last)
    answers = [call_answer(calls, one, own) for one in found]
    return ndjson(answers) if form == "ndjson" else answer(page_of(seen, answers, first, top, own))


@bp.route(route="api/calls/{id}/answers/{n:int}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_call_answer(req: func.HttpRequest) -> func.HttpResponse:
    """A large answer, byte for byte as the other host gave it."""
    calls, n = req.route_params["id"], int(req.route_params["n"])
    body = await asyncio.to_thread(answer_of, services.current().blobs, calls, n)
    return document_response(f"{calls}-{n}", body)


def _accepted(
    req: func.HttpRequest, record: CallsRecord, state: CallsState, callback: str | None = None
) -> func.HttpResponse:
    onward = calls_links(own_links(req, "calls"), record.calls)
    onward |= subscription_link(req, record.calls, callback)
    body = CallsAccepted(
        id=record.calls, status=state, created=record.created, total=record.total, links=onward
    )
    return accepted(body, onward["self"])


# ---------------------------------------------------------------- reading a list


def _parse(req: func.HttpRequest) -> NewCalls:
    """Read a list. Raises Refused (400, 413, 415, 422) before anything is stored."""
    off_the_loop()
    if media_type(req) != "application/json":
        raise Refused(415, "unsupported_media_type", "Send application/json.")
    body = req.get_body()
    if len(body) > LARGEST_LIST:
        limit = LARGEST_LIST // 1024 // 1024
        raise Refused(413, "body_too_large", f"The body has more than {limit} MiB. Send several lists.")
    # Without a key a new list each time: the same calls may be wanted again.
    calls = "c" + request_digest(req, uuid.uuid4().hex)[:24]
    callback = callback_url(services.current().settings, req.params.get("callback_url"))
    return NewCalls(calls, fingerprint_of(body), _asked(body), callback)


def _asked(body: bytes) -> CallsAsked:
    try:
        value: object = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "bad_json", "The body is not JSON in UTF-8, or is nested too deeply.") from error
    _check_count(value)
    try:
        return CallsAsked.model_validate(value, strict=False)
    except ValidationError as error:
        raise Refused(400, "bad_field", _place_of(error)) from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _check_count(value: object) -> None:
    found: object = json_object(value).get("calls")
    if not isinstance(found, list):
        raise Refused(400, "bad_request", _FORM)
    calls = cast("list[object]", found)
    if not calls:
        raise Refused(422, "no_calls", "The list has no call. " + _FORM)
    if len(calls) > MOST_CALLS:
        text = f"The list has {len(calls):,} calls; the limit is {MOST_CALLS:,}. Send several lists."
        raise Refused(413, "too_many_calls", text)


def _place_of(error: ValidationError) -> str:
    """Where the first fault is. What was sent is not quoted: names of fields are ours, or are left out."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    known = set(_names())
    place = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part in known)
    return f"{place or 'The body'}: {first['msg']}."


def _names() -> list[str]:
    schema = CallsAsked.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return [name for part in parts for name in part.get("properties", {})]

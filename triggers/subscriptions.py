"""The HTTP API of callbacks: asking to be told of an end, how far that is, asking for no more, and whether a
callback is genuine.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from adapters.services import Services
from invoicing.records.answers import callbacks as answers
from invoicing.records.callbacks import CallbackKind, Subscription
from triggers.callback_urls import callback_url
from triggers.errors import Refused
from triggers.json_bodies import lengths_of, read_object, read_texts, text_of
from triggers.own_links import own_links
from triggers.responses import accepted, answer, answers_errors
from usecases import subscribe as usecase
from usecases.callback_messages import COLLECTIONS, approval_result, end_of
from usecases.standing import end_of_url

bp = df.Blueprint()

_NEW = lengths_of(answers.NewSubscription)
_SHOWN = lengths_of(answers.Verification)


@bp.route(route="api/batches/{id}/subscriptions", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def subscribe_to_batch(
    req: func.HttpRequest, client: df.DurableOrchestrationClient
) -> func.HttpResponse:
    """Have `callback_url` told when a batch has ended."""
    return await _subscribed(req, client, "batch")


@bp.route(route="api/invoices/{id}/subscriptions", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def subscribe_to_invoice(
    req: func.HttpRequest, client: df.DurableOrchestrationClient
) -> func.HttpResponse:
    """Have `callback_url` told when an invoice has ended."""
    return await _subscribed(req, client, "invoice")


@bp.route(route="api/approvals/{id}/subscriptions", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def subscribe_to_approval(
    req: func.HttpRequest, client: df.DurableOrchestrationClient
) -> func.HttpResponse:
    """Have `callback_url` told when an approval has ended."""
    return await _subscribed(req, client, "approval")


@bp.route(route="api/calls/{id}/subscriptions", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def subscribe_to_calls(
    req: func.HttpRequest, client: df.DurableOrchestrationClient
) -> func.HttpResponse:
    """Have `callback_url` told when a list of calls has ended."""
    return await _subscribed(req, client, "calls")


@bp.route(route="api/approvals/{id}/result", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_approval_result(req: func.HttpRequest) -> func.HttpResponse:
    """How an approval ended: 202 while people decide, 200 afterwards, so that a poller knows when to stop."""
    approval = req.route_params["id"]
    result = await asyncio.to_thread(approval_result, services.current(), approval)
    if result.status != "open":
        return answer(result)
    return accepted(result, own_links(req, "approvals").to(f"/{approval}/result"), result.created)


@bp.route(route="api/subscriptions/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_subscription(req: func.HttpRequest) -> func.HttpResponse:
    """How far telling an address of an end is."""
    found = await asyncio.to_thread(usecase.read, services.current().blobs, req.route_params["id"])
    return answer(_view(req, found))


@bp.route(route="api/subscriptions/{id}", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def delete_subscription(req: func.HttpRequest) -> func.HttpResponse:
    """Tell nothing more."""
    await asyncio.to_thread(usecase.unsubscribe, services.current(), req.route_params["id"])
    return func.HttpResponse(status_code=204)


@bp.route(route="api/subscriptions", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def delete_subscriptions(req: func.HttpRequest) -> func.HttpResponse:
    """Tell nothing more to `callback_url`: for who does not know the id, as Logic Apps' webhook action."""
    url = req.params.get("callback_url", "")
    if not url:
        raise Refused(400, "missing_field", "Say which address: ?callback_url=https%3A%2F%2F…")
    app = services.current()
    standing = await asyncio.to_thread(end_of_url, app.blobs, url)
    ended = await asyncio.to_thread(usecase.unsubscribe_url, app, url)
    return answer(answers.Unsubscribed(ended=(*standing, *ended)))


@bp.route(route="api/subscriptions/{id}/verifications", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def verify_callback(req: func.HttpRequest) -> func.HttpResponse:
    """Whether a callback that came is genuine: for receivers that cannot compute a signature."""
    asked = read_object(req, answers.Verification.model_fields)
    body = asked.get("body")
    missing = [name for name in (*_SHOWN, "body") if name not in asked]
    if missing:
        raise Refused(400, "missing_field", f"Say also: {', '.join(missing)}.")
    if not isinstance(body, dict):
        raise Refused(400, "bad_field", "body is the JSON object that came.")
    shown = {name: text_of(asked, name, longest) for name, longest in _SHOWN.items()}
    came = answers.Verification.model_validate({**shown, "body": body})
    verified = await asyncio.to_thread(usecase.verify, services.current(), req.route_params["id"], came)
    return answer(verified)


# ---------------------------------------------------------------- steps of the handlers


async def _subscribed(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, kind: CallbackKind
) -> func.HttpResponse:
    app, target = services.current(), req.route_params["id"]
    url = _wanted(app, req)
    # Also finds out whether there is anything of this id.
    runs = await end_of(app, client, kind, target) is None
    made = await asyncio.to_thread(usecase.subscribe, app, kind, target, url, runs=runs)
    body = _view(req, made)
    return answer(body, 201, {"Location": body.links["self"]})


def _wanted(app: Services, req: func.HttpRequest) -> str:
    url = callback_url(app.settings, read_texts(req, _NEW).get("callback_url"))
    if url is None:
        raise Refused(400, "missing_field", 'Send {"callback_url": "https://…"}.')
    return url


def _view(req: func.HttpRequest, found: Subscription) -> answers.Subscription:
    collection = COLLECTIONS[found.kind]
    return answers.Subscription(
        id=found.id,
        kind=found.kind,
        target=found.target,
        host=urlsplit(found.url).hostname or "",
        state=found.state,
        created=found.created,
        attempts=found.attempts,
        http_status=found.status,
        error=found.error,
        at=found.at,
        message=found.message,
        links={
            "self": own_links(req, "subscriptions").to(f"/{found.id}"),
            "target": own_links(req, collection).to(f"/{found.target}"),
        },
    )

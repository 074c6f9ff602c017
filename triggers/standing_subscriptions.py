"""The HTTP API of addresses that are told of every end of a kind: what a connector's trigger asks for."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from invoicing.records.answers import callbacks as answers
from invoicing.records.callbacks import STANDING_KINDS, Standing
from triggers.callback_urls import callback_url
from triggers.errors import Refused
from triggers.json_bodies import lengths_of, read_texts
from triggers.own_links import own_links
from triggers.responses import answer, answers_errors
from usecases import standing as usecase

bp = df.Blueprint()

_NEW = lengths_of(answers.NewStanding)


@bp.route(route="api/standing-subscriptions", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def subscribe_to_all(req: func.HttpRequest) -> func.HttpResponse:
    """Have `callback_url` told of the end of whatever begins from now on, of one kind."""
    app = services.current()
    asked = read_texts(req, _NEW)
    kind = asked.get("kind", "")
    if kind not in STANDING_KINDS:
        raise Refused(400, "bad_kind", f"kind is one of {', '.join(STANDING_KINDS)}.")
    url = callback_url(app.settings, asked.get("callback_url"))
    if url is None:
        raise Refused(400, "missing_field", 'Send {"kind": "batch", "callback_url": "https://…"}.')
    made = await asyncio.to_thread(usecase.tell_of_all, app, kind, url)
    body = _view(req, made)
    return answer(body, 201, {"Location": body.links["self"]})


@bp.route(route="api/standing-subscriptions", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def list_standing(req: func.HttpRequest) -> func.HttpResponse:
    """All addresses that are told of every end of a kind."""
    found = await asyncio.to_thread(usecase.every, services.current().blobs)
    return answer(answers.StandingList(subscriptions=tuple(_view(req, one) for one in found)))


@bp.route(route="api/standing-subscriptions/{id}", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def delete_standing(req: func.HttpRequest) -> func.HttpResponse:
    """Tell nothing of what begins from now on; what runs already is told."""
    await asyncio.to_thread(usecase.end, services.current().blobs, req.route_params["id"])
    return func.HttpResponse(status_code=204)


def _view(req: func.HttpRequest, found: Standing) -> answers.Standing:
    return answers.Standing(
        id=found.id,
        kind=found.kind,
        host=urlsplit(found.url).hostname or "",
        created=found.created,
        links={"self": own_links(req, "standing-subscriptions").to(f"/{found.id}")},
    )

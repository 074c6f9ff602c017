"""`/signals`: signals that nobody waited for, and a form that says that goods have come."""

from __future__ import annotations

import asyncio
import uuid

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from adapters.identity import Identity
from invoicing.signals.reading import LONGEST_TEXT
from invoicing.signals.taking_in import NewSignal
from triggers.errors import refusal_of
from triggers.pages_common import checked_form, page, page_response, redirect, visitor
from usecases.refusals import NotDone
from usecases.signal import signal
from usecases.signal_overview import overview
from web.views.signals import shown

bp = df.Blueprint()

#: Signals that the page shows, the oldest first.
MOST = 200
_KIND = "goods-received"
_TYPED = ("key", "line", "quantity", "unit", "id")


@bp.route(route="signals", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def page_signals(req: func.HttpRequest) -> func.HttpResponse:
    """Signals that nobody waited for, with their age, and the form."""
    return await _page(req, await visitor(req))


@bp.route(route="signals", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def send_signal(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Say that goods have come; a refusal shows the page again with the reason and what was typed.

    The form has an id, so that sending it twice counts once. Who says it is the person who is signed in.
    """
    identity = await visitor(req)
    fields = await asyncio.to_thread(checked_form, req, identity)
    typed = {name: fields.get(name, "").strip()[:LONGEST_TEXT] for name in _TYPED}
    all_came = fields.get("complete") == "1"
    try:
        await signal(services.current(), client, _new(typed, all_came, identity.person))
    except NotDone as error:
        refused = refusal_of(error)
        return await _page(req, identity, refused.status, typed, all_came, refused.message)
    return redirect("/signals?done=sent")


def _new(typed: dict[str, str], all_came: bool, person: str) -> NewSignal:
    said: dict[str, object] = {name: typed[name] for name in ("line", "quantity", "unit") if typed[name]}
    if all_came:
        said["complete"] = True
    return NewSignal(_KIND, typed["key"], said | {"by": person[:100]}, typed["id"] or None)


async def _page(
    req: func.HttpRequest,
    identity: Identity,
    status: int = 200,
    typed: dict[str, str] | None = None,
    all_came: bool = False,
    problem: str | None = None,
) -> func.HttpResponse:
    app = services.current()
    found = await asyncio.to_thread(overview, app.blobs, MOST)
    empty = dict.fromkeys(_TYPED, "") | {"id": f"page-{uuid.uuid4().hex}"}
    return page_response(
        "signals.html",
        req=req,
        identity=identity,
        status=status,
        signals=shown(found.unknown, app.clock()),
        total=found.total,
        waiting=found.waiting,
        kept_days=app.settings.signals.kept.days,
        done=req.params.get("done") == "sent",
        typed=typed or empty,
        all_came=all_came,
        problem=problem,
    )

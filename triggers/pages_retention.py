"""`/retention`: how long things are kept, what was purged, what is held and why; and the form of a hold."""

from __future__ import annotations

import asyncio

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from invoicing.retention.names import thing_of
from triggers.errors import Refused, refusal_of
from triggers.pages_common import checked_form, own_path, page, page_response, redirect, visitor
from usecases import holding
from usecases.refusals import NotDone
from usecases.retention_view import retention_seen
from usecases.rights import require_administrator
from web.views import retention as words

bp = df.Blueprint()


@bp.route(route="retention", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def page_retention(req: func.HttpRequest) -> func.HttpResponse:
    """The settings in force, the last runs, and what is held."""
    return await _page(req)


@bp.route(route="holds", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def change_hold(req: func.HttpRequest) -> func.HttpResponse:
    """Hold what the form names, or end that; a refusal shows the page with the reason and what was typed."""
    identity = await visitor(req)
    fields = await asyncio.to_thread(checked_form, req, identity)
    app = services.current()
    change = holding.place
    if fields.get("action") == "end":
        await asyncio.to_thread(require_administrator, app, identity.person)
        change = holding.end
    wanted, why = fields.get("id", "").strip(), fields.get("why", "")
    try:
        await asyncio.to_thread(change, app.blobs, wanted, identity.person, why, app.clock())
    except NotDone as error:
        return await _page(req, refusal_of(error), {"id": wanted[:60], "why": why[: holding.LONGEST_WHY]})
    return redirect(own_path(fields.get("next"), "/retention"))


async def _page(
    req: func.HttpRequest, refused: Refused | None = None, typed: dict[str, str] | None = None
) -> func.HttpResponse:
    identity = await visitor(req)
    seen = await asyncio.to_thread(retention_seen, services.current())
    asked = req.params.get("hold", "")
    return page_response(
        "retention.html",
        req=req,
        identity=identity,
        status=refused.status if refused else 200,
        problem=refused.message if refused else None,
        typed=typed or {"id": asked if thing_of(asked) else "", "why": ""},
        most_why=holding.LONGEST_WHY,
        terms=words.terms(
            seen.settings.terms, seen.container, archive_documents=seen.settings.archive_documents
        ),
        runs=[words.run_shown(run) for run in seen.runs],
        newest=seen.runs[0] if seen.runs else None,
        named=words.named(seen.runs[0]) if seen.runs else [],
        holds=[words.hold_shown(hold) for hold in seen.holds],
        damaged=seen.damaged,
    )

"""`/stuck`: runs that wait for too long, and what people do about them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import azure.durable_functions as df
import azure.functions as func

from invoicing import texts
from triggers.errors import Refused
from triggers.pages_common import administrator, checked_form, page, page_response, redirect
from triggers.watching import before_of, close, known_id, look, rewind
from usecases.end_run import LONGEST_REASON
from web.views.stuck import WaitLine

bp = df.Blueprint()

_DONE = {
    "close": "The run was closed. What it held is free again.",
    "rewind": "The run goes on with the step that failed.",
}


@bp.route(route="stuck", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def page_stuck(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Runs that are stuck, the one that waits longest first."""
    identity = await administrator(req)
    now = datetime.now(UTC)
    found = await look(client, now, before_of(req))
    return page_response(
        "stuck.html",
        req=req,
        identity=identity,
        runs=[WaitLine.of(one, now) for one in found.stuck],
        older=f"/stuck?{urlencode({'before': found.before.isoformat()})}" if found.before else None,
        done=_DONE.get(req.params.get("done", "")),
        longest=LONGEST_REASON,
    )


@bp.route(route="runs/{id}/close", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def page_close(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """End a run for good; who did it, and why, stands in the ledger of its approval."""
    instance, reason = await _asked(req)
    await close(client, instance, reason)
    return redirect("/stuck?done=close")


@bp.route(route="runs/{id}/rewind", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def page_rewind(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Repeat the step of a run that failed."""
    instance, reason = await _asked(req)
    await rewind(client, instance, reason)
    return redirect(f"/runs/{quote(instance)}")


async def _asked(req: func.HttpRequest) -> tuple[str, str]:
    """The run, and why a person does something about it. Raises Refused."""
    identity = await administrator(req)
    fields = await asyncio.to_thread(checked_form, req, identity)
    reason = fields.get("reason", "").strip()
    if wrong := texts.fault(reason, LONGEST_REASON - 200):
        raise Refused(400, "bad_reason", f"The reason {wrong}.")
    by = f"By {identity.person}"
    return known_id(req), f"{by}: {reason}" if reason else by

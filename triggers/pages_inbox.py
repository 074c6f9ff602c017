"""`/inbox`: the approvals that are open."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from stores import approvals
from triggers.pages_common import page, page_response, people_of, visitor
from web.views.inbox import FINDINGS, SORTS, inbox, parse_filter

bp = df.Blueprint()


@bp.route(route="inbox", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def page_inbox(req: func.HttpRequest) -> func.HttpResponse:
    """The inbox, filtered and sorted as the address says."""
    identity = await visitor(req)
    wanted = parse_filter(req.params)
    listed = await asyncio.to_thread(approvals.open_approvals, services.current().blobs)
    return page_response(
        "inbox.html",
        req=req,
        identity=identity,
        damaged=listed.damaged,
        # There may be tens of thousands of them to look through.
        inbox=await asyncio.to_thread(inbox, listed.found, wanted, identity.person, datetime.now(UTC)),
        wanted=wanted,
        choices={"findings": FINDINGS, "sorts": SORTS},
        people=people_of(),
    )

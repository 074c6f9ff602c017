"""`/mailbox`: how the watched folder is, which mails came and what became of each."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from stores import mails
from stores.blobs import StorageRefused
from triggers.errors import Refused
from triggers.pages_common import checked_form, page, page_response, redirect, visitor
from triggers.request_texts import page_token
from usecases import mailbox
from usecases.refusals import bad_page
from web.views.mailbox import MailLine, StateShown

bp = df.Blueprint()

_PAGE = 25


@bp.route(route="mailbox", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def page_mailbox(req: func.HttpRequest) -> func.HttpResponse:
    """The state of the watch, and the mails, the newest first."""
    identity = await visitor(req)
    app = services.current()
    settings = app.settings.mailbox
    state = await asyncio.to_thread(mailbox.state_of, app.blobs, settings) if settings else None
    try:
        found, onward = await asyncio.to_thread(mails.newest, app.blobs, _PAGE, page_token(req))
    except StorageRefused as error:
        raise bad_page() from error
    return page_response(
        "mailbox.html",
        req=req,
        identity=identity,
        settings=settings,
        state=StateShown.of(state, datetime.now(UTC)) if state else None,
        mails=[MailLine.of(record) for record in found.found],
        damaged=found.damaged,
        next=onward,
        again=req.params.get("again") == "1",
    )


@bp.route(route="mailbox/try", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def try_mailbox(req: func.HttpRequest) -> func.HttpResponse:
    """Somebody mended the sign-in: the next look tries it at once."""
    identity = await visitor(req)
    await asyncio.to_thread(checked_form, req, identity)
    app = services.current()
    if app.settings.mailbox is None:
        raise Refused(404, "no_mailbox", "No setting names a mailbox, so there is nothing to try.")
    await asyncio.to_thread(mailbox.try_again, app)
    return redirect("/mailbox?again=1")

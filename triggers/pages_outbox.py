"""`/outbox`: in local runs, the messages that nobody was sent."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

import azure.durable_functions as df
import azure.functions as func

from adapters import outbox, services
from adapters.blobs import StorageRefused
from adapters.outbox import OutboxMessage
from triggers.pages_common import own_path, page, page_response, visitor
from triggers.request_texts import bad_page, page_token
from triggers.responses import Refused

bp = df.Blueprint()

_PAGE = 30
_ACTIONS = {"question": "Answer the question", "decided": "See the invoice", "expired": "See the invoice"}


@bp.route(route="outbox", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def page_outbox(req: func.HttpRequest) -> func.HttpResponse:
    """Messages, the newest first. Their links let one act as others, so the page is for local runs only."""
    access = services.current().settings.access
    if not (access.dev_sign_in or access.development):
        raise Refused(404, "no_outbox", "Messages are sent here; there is no outbox to look into.")
    identity = await visitor(req)
    try:
        found, onward = await asyncio.to_thread(
            outbox.messages, services.current().blobs, _PAGE, page_token(req)
        )
    except StorageRefused as error:
        raise bad_page() from error
    return page_response(
        "outbox.html",
        req=req,
        identity=identity,
        messages=[_shown(message) for message in found.found],
        damaged=found.damaged,
        next=onward,
    )


def _shown(message: OutboxMessage) -> dict[str, Any]:
    """A message with a link that stays on this host, whatever address the app thinks that it has."""
    action = _ACTIONS.get(message.kind, "See the invoice and decide")
    return {**asdict(message), "link": _link(message.link), "action": action}


def _link(address: str) -> str:
    """The path of an approval's page with its token, "" for any other address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return own_path(path, "") if parts.path.startswith("/approvals/") else ""

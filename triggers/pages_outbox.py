"""`/outbox`: in local runs, the messages that nobody was sent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import azure.durable_functions as df
import azure.functions as func
from pydantic import ValidationError

from adapters import services
from invoicing.records.message_steps import DIGEST, DigestJob
from invoicing.records.messages import MessageItem, OutboxMessage
from invoicing.records.supervision import OpenWork
from stores import digests, outbox, supervised
from stores.blobs import Blobs, StorageRefused
from triggers.errors import Refused
from triggers.pages_common import own_path, page, page_response, people_of, visitor
from triggers.request_texts import page_token
from usecases.refusals import bad_page

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
    gathered = [] if req.params.get("page") else await asyncio.to_thread(_gathered, services.current().blobs)
    return page_response(
        "outbox.html",
        req=req,
        identity=identity,
        messages=[_shown(message) for message in found.found],
        damaged=found.damaged,
        next=onward,
        gathered=gathered,
        people=people_of(),
    )


@dataclass(frozen=True)
class Gathered:
    """A message that goes out at a moment, to whom, and how many invoices it has so far."""

    to: list[str]
    goes_out: datetime
    invoices: int


def _gathered(blobs: Blobs) -> list[Gathered]:
    """The digests that were begun, the next one first."""
    begun = [work for work in supervised.work_under_way(blobs) if work.orchestrator == DIGEST.name]
    jobs = [job for work in begun if (job := _job_of(work))]
    found = [Gathered(list(job.to), job.ends, digests.waiting(blobs, job.slot)) for job in jobs]
    return sorted(found, key=lambda gathered: (gathered.goes_out, gathered.to))


def _job_of(work: OpenWork) -> DigestJob | None:
    """What a digest was started with; None where a hand or another version wrote something else."""
    try:
        return DIGEST.parsed_input(work.input)
    except ValidationError:
        return None


@dataclass(frozen=True)
class Link:
    """A link of a message that stays on this host, and what one can do behind it."""

    path: str
    title: str
    action: str


@dataclass(frozen=True)
class ShownMessage:
    """A message on the page; `created`: when it was left in the outbox (ISO time)."""

    to: str
    to_name: str
    subject: str
    text: str
    created: str
    links: list[Link]


def _shown(message: OutboxMessage) -> ShownMessage:
    """A message with links that stay on this host, whatever address the app thinks that it has."""
    return ShownMessage(
        to=message.to,
        to_name=message.to_name,
        subject=message.subject,
        text=message.text,
        created=message.created,
        links=[link for item in message.items if (link := _link(item))],
    )


def _link(item: MessageItem) -> Link | None:
    path = _path(item.link)
    action = _ACTIONS.get(item.kind, "See the invoice and decide")
    return Link(path, item.title, action) if path else None


def _path(address: str) -> str:
    """The path of an approval's page with its token, "" for any other address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return own_path(path, "") if parts.path.startswith("/approvals/") else ""

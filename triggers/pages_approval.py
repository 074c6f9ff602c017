"""`/approvals/{id}`: one invoice to approve. GET shows it, POST decides, and nothing else does."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from adapters.identity import Identity
from adapters.services import Services
from invoicing.approval import stages
from invoicing.approval.deciding import DecisionRefused
from invoicing.approval.names import is_invoice_id
from invoicing.approval.stages import StageState
from invoicing.records.document import InvoiceSummary
from invoicing.records.retention import Hold
from invoicing.report.words import checked_against
from stores import approvals, digests, notices
from triggers.errors import Refused, refusal_of
from triggers.pages_common import (
    SECURITY_HEADERS,
    administrators_of,
    checked_form,
    form_of,
    page,
    page_response,
    people_of,
    redirect,
    visitor,
)
from triggers.people import who
from usecases.approval_view import ApprovalView, document_of, read_approval
from usecases.archived import purged_text
from usecases.decide_approval import LONGEST_COMMENT, Choice, decide
from usecases.holding import of_reference
from usecases.reassign import LONGEST_REASON, Reassignment, reassign
from usecases.refusals import NotAllowed, NotDone, NotNow
from usecases.rights import Rights, rights_now
from usecases.withdraw_invoice import LONGEST_WHY, withdraw_invoice
from web.views import approval as words
from web.views import goods
from web.views.invoice import InvoiceShown, of_invoice, of_summary
from web.views.lookups import looked_up

bp = df.Blueprint()


@dataclass(frozen=True)
class Shown:
    """What one look at an approval brings together; `changed`: the document is not the one asked about."""

    view: ApprovalView
    rights: Rights
    notices: list[notices.Notice]
    invoice: InvoiceShown
    changed: bool
    missing: bool
    purged: str | None
    holds: list[Hold]


@bp.route(route="approvals/{id}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def page_approval(req: func.HttpRequest) -> func.HttpResponse:
    """The invoice, its findings and its history; the buttons for those who may decide. Decides nothing."""
    identity = await asyncio.to_thread(_visitor, req)
    return await _page(req, identity)


@bp.route(route="approvals/{id}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def decide_on_page(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Decide, and go on to a page that says what was done; a refusal shows the page again with the reason."""
    token = (await asyncio.to_thread(form_of, req)).get("t") or None
    identity = await asyncio.to_thread(_visitor, req, token)
    fields = await asyncio.to_thread(checked_form, req, identity)
    name = req.route_params["id"]
    choice = Choice(
        approval=name,
        stage=fields.get("stage", ""),
        decision=fields.get("decision", ""),
        comment=fields.get("comment", ""),
        sha256=fields.get("sha256", ""),
    )
    try:
        entry = await decide(services.current(), client, identity, choice, datetime.now(UTC))
    except (DecisionRefused, NotAllowed, NotNow) as error:
        return await _page(req, identity, refusal_of(error), choice.comment, token)
    onward = f"&t={quote(token, safe='')}" if token else ""
    return redirect(f"/approvals/{name}?done={entry.seq}{onward}")


@bp.route(route="approvals/{id}/reassign", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def reassign_on_page(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Give the open stage to somebody else as well; a refusal shows the page again with the reason."""
    identity = await visitor(req)
    fields = await asyncio.to_thread(checked_form, req, identity)
    name = req.route_params["id"]
    wanted = Reassignment(name, fields.get("to", ""), fields.get("reason", ""))
    try:
        await reassign(services.current(), client, identity, wanted, datetime.now(UTC))
    except NotDone as error:
        return await _page(req, identity, refusal_of(error))
    return redirect(f"/approvals/{name}")


@bp.route(route="approvals/{id}/withdraw", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def withdraw_on_page(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Withdraw the invoice, by who sent it in or by an administrator."""
    identity = await visitor(req)
    fields = await asyncio.to_thread(checked_form, req, identity)
    app = services.current()
    name = req.route_params["id"]
    view = await asyncio.to_thread(read_approval, app.blobs, name)
    if not _may_withdraw(view, identity):
        text = "Only who sent the invoice in, and administrators, may withdraw it."
        return await _page(req, identity, Refused(403, "not_yours", text))
    why = fields.get("why", "").strip()
    try:
        await withdraw_invoice(app, client, view.request.ref, identity.person, why, app.clock())
    except NotDone as error:
        return await _page(req, identity, refusal_of(error))
    return redirect(f"/approvals/{name}")


def _may_withdraw(view: ApprovalView, identity: Identity) -> bool:
    """Whether the visitor may take the invoice back: one that came alone, while people decide."""
    if identity.via == "link" or view.closed or not is_invoice_id(view.request.ref):
        return False
    return identity.person == view.request.sender or identity.person in administrators_of()


@bp.route(route="approvals/{id}/document", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def page_approval_document(req: func.HttpRequest) -> func.HttpResponse:
    """The document as it came in: a PDF as it looks, XML as text, anything else to be saved."""
    await asyncio.to_thread(_visitor, req)
    name, content = await asyncio.to_thread(document_of, services.current().blobs, req.route_params["id"])
    return func.HttpResponse(content, headers=_file_headers(name, content, save=bool(req.params.get("save"))))


# ---------------------------------------------------------------- steps


def _visitor(req: func.HttpRequest, token: str | None = None) -> Identity:
    return who(req, services.current(), approval=req.route_params["id"], token=token)


async def _page(
    req: func.HttpRequest,
    identity: Identity,
    refused: Refused | None = None,
    comment: str = "",
    token: str | None = None,
) -> func.HttpResponse:
    now = datetime.now(UTC)
    shown = await asyncio.to_thread(_looked_up, services.current(), req.route_params["id"], now)
    return page_response(
        "approval.html",
        req=req,
        identity=identity,
        status=refused.status if refused else 200,
        refused=refused.message if refused else None,
        comment_wrong=refused is not None and refused.code.startswith("comment_"),
        comment=comment[:LONGEST_COMMENT],
        most_comment=LONGEST_COMMENT,
        token=token or req.params.get("t") or "",
        **_values(shown, identity, req.params.get("done"), now),
    )


def _looked_up(app: Services, name: str, now: datetime) -> Shown:
    """Read all that the page shows. Raises ApprovalMissing."""
    rights = rights_now(app, now)
    view = read_approval(app.blobs, name, now, rights.people)
    asked = view.request.document
    content = approvals.document(app.blobs, view.request)
    invoice = app.reader.read(asked.name, content) if content is not None else None
    digest = hashlib.sha256(content).hexdigest() if content is not None else asked.sha256
    return Shown(
        view=view,
        rights=rights,
        notices=digests.as_it_is(app.blobs, notices.of_approval(app.blobs, name).found),
        invoice=of_invoice(invoice) if invoice else of_summary(view.request.row.invoice or InvoiceSummary()),
        changed=digest != asked.sha256,
        missing=content is None,
        purged=purged_text(app.blobs, view.request.ref) if content is None else None,
        holds=of_reference(app.blobs, view.request.ref),
    )


def _values(shown: Shown, identity: Identity, done: str | None, now: datetime) -> dict[str, Any]:
    """The values of the template."""
    people = people_of()
    view = shown.view
    request = view.request
    link = identity.link

    def name(person: str) -> str:
        return people.get(person) or person

    state = stages.progress(request.stages, view.entries)
    current = state.open_stage
    choices = words.choices(
        state,
        who=identity.person,
        sender=request.sender,
        stand_ins=shown.rights.stand_ins,
        people=shown.rights.people,
        purpose=link.purpose if link else None,
        link_id=link.link if link else None,
        stage=link.stage if link else None,
    )
    found, more = words.findings(request.row.findings)
    return {
        "approval": view.approval,
        "request": request,
        "invoice": shown.invoice,
        "looked_up": looked_up(request),
        "checked": checked_against(request.row),
        "match": request.match,
        "match_lines": goods.lines(request.match) if request.match else [],
        "findings": found,
        "more_findings": more,
        "stages": words.stages_shown(state.stages, view.waiting_for, name),
        "events": words.history(view.entries, request, name),
        "next": words.happens_next(state, name, now),
        "outcome": words.OUTCOMES.get(view.outcome or ""),
        "waited": words.waiting_since(state, now),
        "choices": choices,
        "instead_of": name(choices.instead_of) if choices.instead_of else None,
        "question": words.open_question(view.entries, current, name),
        "changed": shown.changed,
        "missing": shown.missing,
        "purged": shown.purged,
        "holds": shown.holds,
        "sha256": link.sha256 if link else request.document.sha256,
        "done": words.done(view.entries, done, identity.person),
        "undelivered": [notice for notice in shown.notices if notice.state in ("failed", "retrying")],
        "gathered": [notice for notice in shown.notices if notice.state == "queued" and notice.slot],
        "people": people,
        "others": _others(people, current, identity, request.sender),
        "most_reason": LONGEST_REASON,
        "may_withdraw": _may_withdraw(view, identity),
        "most_why": LONGEST_WHY,
    }


def _others(
    people: dict[str, str], current: StageState | None, identity: Identity, sender: str | None
) -> list[tuple[str, str]]:
    """To whom an administrator may give the open stage; empty for everybody else."""
    if current is None or identity.via == "link" or identity.person not in administrators_of():
        return []
    out = {identity.person, sender, *current.approvers}
    return [(person, name) for person, name in people.items() if person not in out]


def _file_headers(name: str, content: bytes, *, save: bool) -> dict[str, str]:
    """Somebody else's file: only kinds that run nothing are shown, and never as a page of ours."""
    media_type = "application/octet-stream"
    if content.lstrip()[:5] == b"%PDF-":
        media_type = "application/pdf"
    elif content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        media_type = "text/plain; charset=utf-8"
    way = "attachment" if save or media_type == "application/octet-stream" else "inline"
    saved_as = quote(name.rpartition("/")[2] or "document", safe="")
    return {
        **SECURITY_HEADERS,
        "Content-Type": media_type,
        "Content-Disposition": f"{way}; filename*=UTF-8''{saved_as}",
        "Cache-Control": "no-store",
    }

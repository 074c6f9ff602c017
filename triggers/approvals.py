"""The HTTP API of approvals: list, read, the document, decide; absences; and in local runs the outbox."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import asdict
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from adapters.identity import Identity
from adapters.services import Services
from adapters.setting_values import SettingError
from invoicing.approval.persons import BadPerson, person_id
from invoicing.records.answers.approvals import (
    Approval,
    Decided,
    Decision,
    DelegationMade,
    Delegations,
    NewDelegation,
    NewReassignment,
    OpenApprovals,
)
from invoicing.records.answers.operation import Outbox, OutboxMessage
from invoicing.records.approval import InboxEntry
from stores import approvals, digests, notices, outbox
from stores.blobs import StorageRefused
from stores.records import Listed
from triggers.approval_view import absence_view, entry_view, listed, view
from triggers.errors import Refused
from triggers.files import document_response
from triggers.json_bodies import lengths_of, read_texts
from triggers.own_links import own_links
from triggers.people import who
from triggers.request_texts import page_token, whole
from triggers.responses import answer, answers_errors
from usecases.absences import away_now, end_absence, note_absence
from usecases.approval_view import document_of, read_approval
from usecases.decide_approval import Choice, decide
from usecases.reassign import Reassignment, reassign
from usecases.refusals import bad_page
from usecases.rights import rights_now

bp = df.Blueprint()

_PAGE, _LARGEST_PAGE = 100, 1000
_DECISION_FIELDS = lengths_of(Decision)
_REASSIGNMENT_FIELDS = lengths_of(NewReassignment)
_ABSENCE_FIELDS = lengths_of(NewDelegation)


@bp.route(route="api/approvals", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_approvals(req: func.HttpRequest) -> func.HttpResponse:
    """Open approvals, the oldest first (`approver`, `stage`, `batch`; a page at a time: `top`, `skip`)."""
    app = services.current()
    top = whole(req, "top", _PAGE, 1, _LARGEST_PAGE)
    skip = whole(req, "skip", 0, 0, 10**9)
    return answer(await asyncio.to_thread(_open_approvals, app, req, top, skip))


@bp.route(route="api/approvals/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_approval(req: func.HttpRequest) -> func.HttpResponse:
    """One approval with its stages, its history and what became of its messages."""
    return answer(await asyncio.to_thread(_read, services.current(), req))


@bp.route(route="api/approvals/{id}/document", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_approval_document(req: func.HttpRequest) -> func.HttpResponse:
    """The document as it is now, byte for byte; its ETag is its SHA-256."""
    name, content = await asyncio.to_thread(document_of, services.current().blobs, req.route_params["id"])
    digest = await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
    response = document_response(name, content)
    response.headers["ETag"] = f'"{digest}"'
    return response


@bp.route(route="api/approvals/{id}/decisions", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def post_decision(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Decide: `{"decision": "approve"|"reject"|"ask"|"answer", "comment", "stage", "sha256", "t"}`.

    With the token of a link (`t`, also in the query) stage and hash are the link's; without one the person
    has to be signed in, and says which stage and which document are meant.
    """
    approval = req.route_params["id"]
    asked = read_texts(req, _DECISION_FIELDS, lines=("comment",))
    person = await asyncio.to_thread(_decider, services.current(), req, approval, asked.get("t"))
    choice = _choice(approval, asked, person)
    entry = await decide(services.current(), client, person, choice, datetime.now(UTC))
    body = Decided(approval=approval, entry=entry_view(entry))
    location = f"{own_links(req, 'approvals').base}/{approval}"
    return answer(body, 201, {"Location": location})


@bp.route(route="api/approvals/{id}/reassignments", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def post_reassignment(
    req: func.HttpRequest, client: df.DurableOrchestrationClient
) -> func.HttpResponse:
    """Give the open stage to somebody else as well: `{"to": person, "reason"}`, by an administrator."""
    app = services.current()
    approval = req.route_params["id"]
    asked = read_texts(req, _REASSIGNMENT_FIELDS)
    person = await asyncio.to_thread(who, req, app)
    if person.via == "link":
        raise Refused(403, "link_not_enough", "A link is for one invoice only. Sign in for this.")
    wanted = Reassignment(approval, asked.get("to", ""), asked.get("reason", ""))
    entry = await reassign(app, client, person, wanted, datetime.now(UTC))
    location = f"{own_links(req, 'approvals').base}/{approval}"
    return answer(Decided(approval=approval, entry=entry_view(entry)), 201, {"Location": location})


# ---------------------------------------------------------------- absences


@bp.route(route="api/delegations", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_delegations(req: func.HttpRequest) -> func.HttpResponse:
    """Who is away until when, and who decides meanwhile; absences that are over are left out."""
    found = await asyncio.to_thread(away_now, services.current().blobs, datetime.now(UTC))
    shown = tuple(absence_view(absence) for absence in found.found)
    return answer(Delegations(delegations=shown, damaged=tuple(found.damaged)))


@bp.route(route="api/delegations", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def post_delegation(req: func.HttpRequest) -> func.HttpResponse:
    """Say that one is away: `{"until": date or time with zone, "to": person}`; `to` may be left out where
    the policy names a deputy. A link is not enough for this.
    """
    app = services.current()
    asked = read_texts(req, _ABSENCE_FIELDS)
    person = await asyncio.to_thread(_signed_in, app, req)
    until = asked.get("until", "")
    made = await asyncio.to_thread(note_absence, app, person, until, asked.get("to", ""), datetime.now(UTC))
    return answer(DelegationMade(delegation=absence_view(made)), 201)


@bp.route(route="api/delegations", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def delete_delegation(req: func.HttpRequest) -> func.HttpResponse:
    """Say that one is back."""
    app = services.current()
    person = await asyncio.to_thread(_signed_in, app, req)
    await asyncio.to_thread(end_absence, app.blobs, person)
    return func.HttpResponse(status_code=204)


# ---------------------------------------------------------------- the outbox of local runs


@bp.route(route="api/outbox", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_outbox(req: func.HttpRequest) -> func.HttpResponse:
    """Messages that no channel is set up for, the newest first (`top`, `page`); in local runs only, since
    they hold other people's links.
    """
    app = services.current()
    if not app.settings.access.development:
        raise Refused(404, "no_outbox", "The outbox is shown in local runs only.")
    top = whole(req, "top", 50, 1, _LARGEST_PAGE)
    try:
        found, page = await asyncio.to_thread(outbox.messages, app.blobs, top, page_token(req))
    except StorageRefused as error:
        raise bad_page() from error
    shown = tuple(OutboxMessage.model_validate(asdict(message)) for message in found.found)
    return answer(Outbox(messages=shown, damaged=tuple(found.damaged), page=page))


# ---------------------------------------------------------------- steps of the handlers


def _open_approvals(app: Services, req: func.HttpRequest, top: int, skip: int) -> OpenApprovals:
    """The body of the list; there may be tens of thousands of them to look through."""
    approver = _approver(req)
    everything = approvals.open_approvals(app.blobs)
    found = [item for item in everything.found if _wanted(item, req, approver)]
    own = own_links(req, "approvals")
    shown = tuple(listed(item, own) for item in found[skip : skip + top])
    return OpenApprovals(approvals=shown, total=len(found), damaged=tuple(everything.damaged))


def _approver(req: func.HttpRequest) -> str | None:
    """Whose approvals are asked for, None for everybody's. Raises Refused."""
    text = req.params.get("approver", "").strip()
    try:
        return person_id(text) if text else None
    except BadPerson as error:
        raise Refused(400, "bad_approver", f"The approver {error}.") from error


def _wanted(item: InboxEntry, req: func.HttpRequest, approver: str | None) -> bool:
    stage = req.params.get("stage")
    batch = req.params.get("batch")
    return (
        (not approver or approver in item.approvers)
        and (not stage or stage == item.stage)
        and (not batch or batch == item.batch)
    )


def _read(app: Services, req: func.HttpRequest) -> Approval:
    approval = req.route_params["id"]
    now = datetime.now(UTC)
    found = read_approval(app.blobs, approval, now, rights_now(app, now).people)
    own = own_links(req, "approvals")
    noted = notices.of_approval(app.blobs, approval)
    shown = Listed(digests.as_it_is(app.blobs, noted.found), noted.damaged)
    return view(found, shown, own, _page(app, approval))


def _page(app: Services, approval: str) -> str | None:
    try:
        return app.links.page(approval)
    except SettingError:
        return None  # no address of our own, or no key: there are no links either


def _decider(app: Services, req: func.HttpRequest, approval: str, token: str | None) -> Identity:
    return who(req, app, approval=approval, token=token)


def _signed_in(app: Services, req: func.HttpRequest) -> str:
    person = who(req, app)
    if person.via == "link":
        raise Refused(403, "link_not_enough", "A link is for one invoice only. Sign in for this.")
    return person.person


def _choice(approval: str, asked: dict[str, str], person: Identity) -> Choice:
    """Decision, stage and document; what a link says need not be said again. Raises Refused."""
    known = {"stage": person.link.stage, "sha256": person.link.sha256} if person.link else {}
    given = known | {name: asked[name] for name in ("decision", "stage", "sha256") if name in asked}
    missing = [name for name in ("decision", "stage", "sha256") if not given.get(name)]
    if missing:
        raise Refused(400, "missing_field", f"Say also: {', '.join(missing)}.")
    return Choice(
        approval=approval,
        stage=given["stage"],
        decision=given["decision"],
        comment=asked.get("comment", ""),
        sha256=given["sha256"],
    )

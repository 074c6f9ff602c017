"""`/absences`: who is away until when, who decides meanwhile, and saying so of oneself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import azure.durable_functions as df
import azure.functions as func
from pydantic import ValidationError

from adapters import policies, services
from adapters.identity import Identity
from adapters.services import Services
from invoicing.approval.gathering import WISHES, Wish
from invoicing.approval.policy import Policy, PolicyInvalid
from invoicing.records.messages import StatedWish
from stores import wishes
from triggers.errors import Refused, refusal_of
from triggers.pages_common import checked_form, page, page_response, redirect, visitor
from usecases.absences import away_now, end_absence, note_absence
from usecases.refusals import NotDone
from web.views import absences as words
from web.views.absences import AbsenceShown, Problem
from web.words import duration

bp = df.Blueprint()

# As many characters of a field as the API takes.
_LONGEST_UNTIL, _LONGEST_TO = 40, 254


@bp.route(route="absences", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def page_absences(req: func.HttpRequest) -> func.HttpResponse:
    """Who is away, and the form for one's own absence."""
    return await _page(req, await visitor(req))


@bp.route(route="absences", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def enter_absence(req: func.HttpRequest) -> func.HttpResponse:
    """Note that the visitor is away; a refusal shows the page again with the reason and what was typed."""
    identity = await visitor(req)
    fields = await asyncio.to_thread(checked_form, req, identity)
    typed = {"until": fields.get("until", "")[:_LONGEST_UNTIL], "to": fields.get("to", "")[:_LONGEST_TO]}
    try:
        await asyncio.to_thread(
            note_absence, services.current(), identity.person, typed["until"], typed["to"], datetime.now(UTC)
        )
    except NotDone as error:
        refused = refusal_of(error)
        problem = words.problem(refused.code, refused.message)
        return await _page(req, identity, refused.status, typed, problem)
    except PolicyInvalid:
        return await _page(req, identity, 503, typed)  # the page itself says what is wrong with it
    return redirect("/absences?done=entered")


@bp.route(route="absences/end", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def end_own_absence(req: func.HttpRequest) -> func.HttpResponse:
    """Note that the visitor is back; who was not away still is not."""
    identity = await visitor(req)
    await asyncio.to_thread(checked_form, req, identity)
    await asyncio.to_thread(end_absence, services.current().blobs, identity.person)
    return redirect("/absences?done=ended")


@bp.route(route="absences/messages", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def state_wish(req: func.HttpRequest) -> func.HttpResponse:
    """Note how the visitor wants messages."""
    identity = await visitor(req)
    fields = await asyncio.to_thread(checked_form, req, identity)
    app = services.current()
    try:
        wish = StatedWish.model_validate(
            {"who": identity.person, "messages": fields.get("messages"), "said": app.clock()}
        )
    except ValidationError as error:
        raise Refused(400, "bad_messages", f"messages is {' or '.join(WISHES)}.") from error
    await asyncio.to_thread(wishes.state, app.blobs, wish)
    return redirect("/absences?done=messages")


# ---------------------------------------------------------------- steps


async def _page(
    req: func.HttpRequest,
    identity: Identity,
    status: int = 200,
    typed: dict[str, str] | None = None,
    problem: Problem | None = None,
) -> func.HttpResponse:
    app = services.current()
    now = datetime.now(UTC)
    (policy, wrong), away, stated = await asyncio.gather(
        asyncio.to_thread(_policy, app),
        asyncio.to_thread(away_now, app.blobs, now),
        asyncio.to_thread(wishes.stated, app.blobs),
    )
    shown = words.absences(away.found, identity.person, now)
    mine = next((absence for absence in shown if absence.mine), None)
    return page_response(
        "absences.html",
        req=req,
        identity=identity,
        status=status,
        absences=shown,
        damaged=away.damaged,
        mine=mine,
        done=_done(req.params.get("done"), mine),
        choices=words.choices(policy, identity.person, now) if policy else None,
        typed=typed or _as_it_is(mine),
        problem=problem,
        wish=stated.get(identity.person) or _by_policy(policy, identity.person),
        gathered_for=duration(timedelta(seconds=app.settings.channels.digest_seconds)),
        policy_problems=wrong,
        people={person.id: person.name for person in policy.people.values()} if policy else {},
    )


def _policy(app: Services) -> tuple[Policy | None, tuple[str, ...]]:
    """The policy, or what is wrong with it: absences are listed and ended without one."""
    try:
        return policies.load(app.settings), ()
    except PolicyInvalid as error:
        return None, error.problems


def _by_policy(policy: Policy | None, person: str) -> Wish:
    known = policy.people.get(person) if policy else None
    return known.messages if known else "digest"


def _as_it_is(mine: AbsenceShown | None) -> dict[str, str]:
    """The form of who is away begins with what they said."""
    return {"until": mine.last_day, "to": mine.to} if mine else {"until": "", "to": ""}


def _done(text: str | None, mine: AbsenceShown | None) -> str | None:
    """What was done, said only where it is so: an address can be made up, and kept too long."""
    if text == "entered" and mine:
        return "Your absence is entered."
    if text == "messages":
        return "Your messages come as is marked below."
    return "You are back: nobody stands in for you." if text == "ended" and not mine else None

"""`/sign-in` and `/sign-out` of local runs, and `/static/{file}`."""

from __future__ import annotations

import asyncio

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from adapters.identity import NotSignedIn, dev_sign_in, is_secure, sign_in_cookie, sign_out_cookie
from triggers.errors import Refused
from triggers.pages_common import (
    SECURITY_HEADERS,
    checked_form,
    own_path,
    page,
    page_response,
    people_of,
    redirect,
    visitor,
)
from web.rendering import static_files

bp = df.Blueprint()

_FOR_GOOD = "public, max-age=31536000, immutable"


@bp.route(route="sign-in", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def page_sign_in(req: func.HttpRequest) -> func.HttpResponse:
    """Ask who the visitor is; only where their word is enough."""
    _only_in_local_runs()
    return _form(req, own_path(req.params.get("next"), "/inbox"))


@bp.route(route="sign-in", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def do_sign_in(req: func.HttpRequest) -> func.HttpResponse:
    """Sign in and go on to where the visitor wanted to."""
    _only_in_local_runs()
    app = services.current()
    fields = await asyncio.to_thread(checked_form, req, None)
    person = fields.get("other", "").strip() or fields.get("person", "")
    onward = own_path(fields.get("next"), "/inbox")
    try:
        cookie = sign_in_cookie(person, app.settings.access, app.links.keys, secure=is_secure(req))
    except NotSignedIn as error:
        return _form(req, onward, str(error), fields, status=422)
    await asyncio.to_thread(_end_session, req)
    return redirect(onward, {"Set-Cookie": cookie})


@bp.route(route="sign-out", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@page
async def do_sign_out(req: func.HttpRequest) -> func.HttpResponse:
    """Sign out: the session ends here, not only in this browser. Then ask who comes next."""
    _only_in_local_runs()
    await asyncio.to_thread(checked_form, req, await visitor(req))
    await asyncio.to_thread(_end_session, req)
    return redirect("/sign-in", {"Set-Cookie": sign_out_cookie(secure=is_secure(req))})


@bp.route(route="static/{file}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def page_static(req: func.HttpRequest) -> func.HttpResponse:
    """A static file; under an address that names its version browsers keep it for good."""
    found = static_files().get(req.route_params["file"])
    if found is None:
        return func.HttpResponse(b"", status_code=404, headers=SECURITY_HEADERS)
    current = req.params.get("v") == found.version
    headers = {**SECURITY_HEADERS, "Cache-Control": _FOR_GOOD if current else "no-cache"}
    return func.HttpResponse(found.content, headers=headers | {"Content-Type": found.media_type})


def _end_session(req: func.HttpRequest) -> None:
    """End the session of the cookie that was sent, for whoever else may have it; then no cookie is left."""
    app = services.current()
    signed_in = dev_sign_in(req, app.settings.access, app.links.keys)
    if signed_in:
        app.sessions.end(signed_in.session)


def _only_in_local_runs() -> None:
    if not services.current().settings.access.dev_sign_in:
        raise Refused(404, "no_sign_in", "People sign in with their account here, or come by a link.")


def _form(
    req: func.HttpRequest,
    onward: str,
    problem: str | None = None,
    fields: dict[str, str] | None = None,
    status: int = 200,
) -> func.HttpResponse:
    given = fields or {}
    people = sorted(people_of().items(), key=lambda person: person[1])
    return page_response(
        "sign_in.html",
        req=req,
        status=status,
        next=onward,
        problem=problem,
        people=people,
        chosen=given.get("person", ""),
        other=given.get("other", ""),
    )

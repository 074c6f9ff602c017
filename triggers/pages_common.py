"""What all pages share: rendering with security headers, who looks, forms, and errors in plain words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ParamSpec
from urllib.parse import quote, urlsplit

import azure.functions as func

from adapters import csrf, policies, services
from adapters.access_settings import AccessSettings
from adapters.csrf import FIELD as CSRF_FIELD
from adapters.identity import Identity, Via
from invoicing import texts
from invoicing.approval.policy import PolicyInvalid
from triggers.errors import Refused
from triggers.forms import MOST_FIELDS, BadForm, FormTooLarge, fields_of
from triggers.guard import guarded
from triggers.people import who
from usecases.rights import require_administrator
from web.rendering import render

Parameters = ParamSpec("Parameters")

#: Nothing runs, nothing is framed, nothing is loaded from elsewhere, and forms go to us alone.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Addresses of pages may hold a link's token: no other site gets to know them. To ourselves they are told,
    # for without that a browser does not say of a form either which site it comes from.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_LONGEST_FIELD_NAME = 100
_LONGEST_FIELD = 100_000
_LARGEST_FORM = 256 * 1024
_NO_STORE = {"Cache-Control": "no-store"}

_TITLES = {
    400: "That did not work",
    401: "Please sign in",
    403: "This is not for you",
    404: "There is nothing here",
    409: "That is no longer possible",
    410: "This link has ended",
    413: "That is too much at once",
    422: "That did not work",
    503: "Not just now",
}
_NOT_SET_UP = "Settle is not set up yet"
_WENT_WRONG = "Something went wrong here"
_TITLES_OF_CODES = {
    "archived": "This is in the archive",
    "setting": _NOT_SET_UP,
    "rules_missing": _NOT_SET_UP,
    "policy_invalid": _NOT_SET_UP,
    "record_damaged": "This cannot be shown",
    "storage_refused": _WENT_WRONG,
    "internal": _WENT_WRONG,
}
_NOT_SURE = "The log has the details. What you did may not have worked."
# What people are told instead of what the API says to programs.
_TEXTS = {
    "storage_unavailable": (
        "The place where invoices are kept does not answer. Nothing is lost; try again in a moment."
    ),
    "storage_refused": _NOT_SURE,
    "internal": _NOT_SURE,
}


@dataclass(frozen=True)
class Frame:
    """What the layout around every page needs.

    `path`: of the page. `csrf`: the token for its forms, `csrf_field`: the name of the field that takes it.
    `development`: people sign in by their own word; `outbox`: there is a page of messages.
    """

    path: str
    person: str | None
    via: Via | None
    csrf: str
    development: bool
    outbox: bool
    csrf_field: str = CSRF_FIELD

    @classmethod
    def of(
        cls, access: AccessSettings, req: func.HttpRequest, identity: Identity | None, token: str
    ) -> Frame:
        """The frame of a page that a request asks for; `identity`: who looks, if that is known."""
        return cls(
            path=urlsplit(req.url).path,
            person=identity.person if identity else None,
            via=identity.via if identity else None,
            csrf=token,
            development=access.dev_sign_in,
            outbox=access.dev_sign_in or access.development,
        )


def page_response(
    template: str,
    *,
    req: func.HttpRequest,
    identity: Identity | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> func.HttpResponse:
    """An answer with a page. Each page gets the token for its forms, and the cookie that goes with it."""
    app = services.current()
    token, cookie = csrf.issue(app.links.keys, req, identity.person if identity else "")
    extra = {"Set-Cookie": cookie} if cookie else {}
    frame = Frame.of(app.settings.access, req, identity, token)
    return html(template, status, extra | (headers or {}), page=frame, **values)


def html(template: str, status: int, headers: dict[str, str], **values: Any) -> func.HttpResponse:
    """An answer with a rendered template and the headers that every page has."""
    return func.HttpResponse(
        render(template, **values).encode("utf-8", "replace"),
        status_code=status,
        headers={**SECURITY_HEADERS, **_NO_STORE, **headers},
        mimetype="text/html",
        charset="utf-8",
    )


def redirect(location: str, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """Go on to another page of ours with GET: a reload there repeats nothing."""
    return func.HttpResponse(
        b"",
        status_code=303,
        headers={**SECURITY_HEADERS, **_NO_STORE, "Location": location, **(headers or {})},
    )


async def visitor(req: func.HttpRequest) -> Identity:
    """The person who is signed in. A link opens its approval only, so it counts for nothing here.

    Raises Refused.
    """
    found = await asyncio.to_thread(who, req, services.current())
    if found.via == "link":
        raise Refused(401, "not_signed_in", "Sign in to see this page. The link opens one invoice only.")
    return found


async def administrator(req: func.HttpRequest) -> Identity:
    """The person who is signed in, who may see runs and do something about them. Raises Refused."""
    found = await visitor(req)
    await asyncio.to_thread(require_administrator, services.current(), found.person)
    return found


def administrators_of() -> frozenset[str]:
    """The administrators whom the policy names; nobody where it cannot be used."""
    try:
        return policies.load(services.current().settings).administrators
    except PolicyInvalid:
        return frozenset()


def people_of() -> dict[str, str]:
    """Names of people by their ids, as the policy has them; none where the policy cannot be used."""
    try:
        policy = policies.load(services.current().settings)
    except PolicyInvalid:
        return {}
    return {person.id: person.name for person in policy.people.values()}


# ---------------------------------------------------------------- forms


def form_of(req: func.HttpRequest, most_parts: int = MOST_FIELDS) -> dict[str, str]:
    """The fields of a form, the first value of each; files are not among them. Raises Refused.

    Not for the event loop: call it with `asyncio.to_thread`.
    """
    if most_parts == MOST_FIELDS and len(req.get_body()) > _LARGEST_FORM:
        raise _form_too_large()
    try:
        found = fields_of(req, most_parts)
    except FormTooLarge as error:
        raise _form_too_large() from error
    except BadForm as error:
        raise Refused(400, "bad_form", "The form cannot be read. Open the page again and repeat.") from error
    for name, value in found.items():
        if texts.fault(name, _LONGEST_FIELD_NAME) or texts.fault(value, _LONGEST_FIELD, lines=True):
            raise Refused(400, "bad_form", "The form holds characters that no text has, or too many of them.")
    return found


def _form_too_large() -> Refused:
    return Refused(413, "form_too_large", "The form holds more than can be taken at once.")


def checked_form(
    req: func.HttpRequest, identity: Identity | None, most_parts: int = MOST_FIELDS
) -> dict[str, str]:
    """The fields of a form that one of our own pages sent for this person. Raises Refused (403)."""
    fields = form_of(req, most_parts)
    person = identity.person if identity else ""
    try:
        csrf.check(services.current().links.keys, req, fields.get(CSRF_FIELD), person)
    except csrf.CsrfRefused as error:
        raise Refused(403, "form_refused", str(error)) from error
    return fields


def own_path(text: str | None, default: str) -> str:
    """A path of our own site to go on to; what leads elsewhere becomes the default."""
    if not text or not text.startswith("/") or text[1:2] in ("/", "\\"):
        return default
    parts = urlsplit(text)
    clean = text.isascii() and text.isprintable() and not any(odd in text for odd in ' "<>\\')
    return text if clean and not parts.netloc and not parts.scheme else default


# ---------------------------------------------------------------- errors


def page(
    handler: Callable[Parameters, Awaitable[func.HttpResponse]],
) -> Callable[Parameters, Coroutine[Any, Any, func.HttpResponse]]:
    """Turn what a page's handler raises into an error page; who is not signed in is sent to sign in."""
    return guarded(handler, _refused, before=_keys_are_there)


async def _keys_are_there() -> None:
    """Read the keys of forms and links, which come out of the storage once, in local runs.

    Off the loop: storage that is away must not hold up everybody else's requests.
    """
    await asyncio.to_thread(lambda: services.current().links.keys)


def _refused(req: func.HttpRequest, refused: Refused) -> func.HttpResponse:
    if refused.code == "not_signed_in" and req.method == "GET":
        if services.current().settings.access.dev_sign_in:
            parts = urlsplit(req.url)
            wanted = parts.path + (f"?{parts.query}" if parts.query else "")
            return redirect(f"/sign-in?next={quote(wanted, safe='')}")
        return error_page(401, "Please sign in", refused.message)
    if refused.code.startswith("link_"):
        # The same page without the link: who may see it can sign in there.
        onward = (urlsplit(req.url).path, "Sign in instead")
        return error_page(refused.status, _title(refused), refused.message, onward=onward)
    return _plain_error(refused)


def _plain_error(refused: Refused) -> func.HttpResponse:
    headers = {} if refused.retry_after is None else {"Retry-After": str(refused.retry_after)}
    return error_page(refused.status, _title(refused), _TEXTS.get(refused.code, refused.message), headers)


def _title(refused: Refused) -> str:
    by_status = _TITLES.get(refused.status, "Something went wrong")
    return _TITLES_OF_CODES.get(refused.code, by_status)


def error_page(
    status: int,
    title: str,
    text: str,
    headers: dict[str, str] | None = None,
    *,
    onward: tuple[str, str] = ("/inbox", "To the inbox"),
) -> func.HttpResponse:
    """A page that says what is wrong and where to go on; it needs no service that could be away too."""
    return html(
        "error.html", status, headers or {}, page=None, code=status, onward=onward, title=title, text=text
    )

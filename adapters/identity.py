"""Who is asking: by the platform's sign-in, by a signed link, or in local runs by their own word.

The platform's header is believed only where a setting says that the platform stands in front of every
request: anybody can send a header.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import azure.functions as func
from pydantic import BaseModel
from werkzeug.http import dump_cookie

from adapters.access_settings import AccessSettings
from adapters.cookies import cookies
from adapters.links import LinkClaims, LinkRefused, Links
from adapters.request_headers import sent_header
from adapters.signing import BadSignature, Keys
from invoicing.approval.persons import BadPerson, is_person_id, person_id
from invoicing.records.session import Session, is_session_id
from stores.sessions import Sessions

Via = Literal["principal", "link", "dev"]

SIGN_IN_COOKIE = "settle_person"
_SIGN_IN_LASTS = timedelta(hours=12)
# Claims that hold a person's address, the best first: short names, and those of WS-Federation.
_ADDRESS_CLAIMS = (
    "preferred_username",
    "upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "email",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
)


class NotSignedIn(Exception):
    """Nobody is signed in, or what was sent to prove it proves nothing."""


class _Claim(BaseModel, frozen=True):
    """One claim of the platform's sign-in; a value that is no text says nothing to us."""

    typ: str
    val: object = None


class _Principal(BaseModel, frozen=True):
    """What the platform says of who is signed in; `name_typ`: the claim that it calls the name."""

    claims: tuple[_Claim, ...]
    name_typ: object = None

    def address(self) -> str | None:
        """The value of the best claim that holds an address; of several of one type the first counts."""
        for wanted in (*_ADDRESS_CLAIMS, self.name_typ):
            for claim in self.claims:
                if claim.typ == wanted and isinstance(claim.val, str) and "@" in claim.val:
                    return claim.val
        return None


@dataclass(frozen=True)
class Identity:
    """A person (`invoicing.approval.persons`), how we know, and for a link what it says."""

    person: str
    via: Via
    link: LinkClaims | None = None


def person_of(
    req: func.HttpRequest,
    settings: AccessSettings,
    links: Links,
    sessions: Sessions,
    *,
    approval: str | None = None,
    token: str | None = None,
    now: datetime | None = None,
) -> Identity:
    """Who asks. Raises NotSignedIn, and LinkRefused for a link that counts for nothing.

    Where only a sign-in by one's own word is left, the storage is asked whether it was ended: StorageError.

    `token` is a link's, from the form or body of the request; without it the query's `t`. `approval` is the
    one that the request is about: a link for another one is foreign, and so is one of another person than
    the one the platform signed in.
    """
    principal = principal_of(req, settings)
    token = token or req.params.get("t")
    claims = links.read(token, now or datetime.now(UTC), approval=approval) if token else None
    if principal:
        if claims and claims.person != principal:
            raise LinkRefused("foreign")
        return Identity(principal, "principal", claims)
    if claims:
        return Identity(claims.person, "link", claims)
    signed_in = dev_sign_in(req, settings, links.keys, now)
    if signed_in and not sessions.has_ended(signed_in.session):
        return Identity(signed_in.person, "dev")
    raise NotSignedIn("Sign in, or use the link from the message that you got.")


def principal_of(req: func.HttpRequest, settings: AccessSettings) -> str | None:
    """The person whom the platform signed in; None where it is not in front or signed nobody in.

    Raises NotSignedIn for a header that names no person.
    """
    header = sent_header(req, "x-ms-client-principal") if settings.easy_auth else ""
    if not header:
        return None
    try:
        principal = _Principal.model_validate_json(base64.b64decode(header, validate=True))
    except ValueError as error:  # pydantic's and binascii's errors are some
        raise NotSignedIn("The platform's sign-in cannot be read.") from error
    address = principal.address()
    if address is None:
        raise NotSignedIn("The platform's sign-in names no e-mail address.")
    try:
        return person_id(address)
    except BadPerson as error:
        raise NotSignedIn(f"The address of the platform's sign-in {error}.") from error


# ---------------------------------------------------------------- the development sign-in


class _SignInBody(BaseModel, frozen=True, strict=True):
    """What is signed: person, end in seconds, and session."""

    p: str
    e: int
    s: str


@dataclass(frozen=True)
class SignIn:
    """What a cookie says: who signed in by their own word, and in which session."""

    person: str
    session: Session


def dev_sign_in(
    req: func.HttpRequest, settings: AccessSettings, keys: Keys, now: datetime | None = None
) -> SignIn | None:
    """The sign-in that the cookie proves, ended since or not; always None where that is not allowed."""
    text = cookies(req).get(SIGN_IN_COOKIE) if settings.dev_sign_in else None
    if not text:
        return None
    try:
        body = _SignInBody.model_validate(keys.read("sign-in", text))
        ends = datetime.fromtimestamp(body.e, UTC)
    except (BadSignature, ValueError, OverflowError):
        return None
    good = is_person_id(body.p) and is_session_id(body.s) and (now or datetime.now(UTC)) < ends
    return SignIn(body.p, Session(body.s, ends)) if good else None


def sign_in_cookie(
    person: str, settings: AccessSettings, keys: Keys, *, secure: bool, now: datetime | None = None
) -> str:
    """The Set-Cookie header that signs a person in by their own word. Raises NotSignedIn where that is not
    allowed, or the person's id has not the form of one.
    """
    if not settings.dev_sign_in:
        raise NotSignedIn("Signing in by one's own word is for local runs only.")
    try:
        person = person_id(person)
    except BadPerson as error:
        raise NotSignedIn(f"The address {error}.") from error
    session = Session.begin((now or datetime.now(UTC)) + _SIGN_IN_LASTS)
    value = keys.sign("sign-in", {"p": person, "e": int(session.ends.timestamp()), "s": session.id})
    return dump_cookie(SIGN_IN_COOKIE, value, _SIGN_IN_LASTS, httponly=True, secure=secure, samesite="Lax")


def sign_out_cookie(*, secure: bool) -> str:
    """The Set-Cookie header that signs out."""
    return dump_cookie(SIGN_IN_COOKIE, "", max_age=0, httponly=True, secure=secure, samesite="Lax")


def is_secure(req: func.HttpRequest) -> bool:
    """Whether the browser came by https; the platform's front ends say so in a header."""
    return req.url.startswith("https:") or sent_header(req, "x-forwarded-proto").startswith("https")

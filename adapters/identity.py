"""Who is asking: by the platform's sign-in, by a signed link, or in local runs by their own word.

The platform's header is believed only where a setting says that the platform stands in front of every
request: anybody can send a header.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import azure.functions as func
from werkzeug.http import dump_cookie

from adapters.access_settings import AccessSettings
from adapters.cookies import cookies
from adapters.links import LinkClaims, LinkRefused, Links
from adapters.signing import BadSignature, Keys

Via = Literal["principal", "link", "dev"]

SIGN_IN_COOKIE = "settle_person"
_SIGN_IN_LASTS = timedelta(hours=12)
_PERSON = re.compile(r"[^\s@<>\"',;:\\]{1,64}@[^\s@<>\"',;:\\]{1,190}")
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


@dataclass(frozen=True)
class Identity:
    """A person (lower-case address), how we know, and for a link what it says."""

    person: str
    via: Via
    link: LinkClaims | None = None


def is_person(text: str) -> bool:
    """Say whether a text has the form of a person's id: an e-mail-like address in lower case."""
    return _PERSON.fullmatch(text) is not None and text == text.lower()


def person_of(
    req: func.HttpRequest,
    settings: AccessSettings,
    links: Links,
    *,
    approval: str | None = None,
    token: str | None = None,
    now: datetime | None = None,
) -> Identity:
    """Who asks. Raises NotSignedIn, and LinkRefused for a link that counts for nothing.

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
    person = dev_person(req, settings, links.keys, now)
    if person:
        return Identity(person, "dev")
    raise NotSignedIn("Sign in, or use the link from the message that you got.")


def principal_of(req: func.HttpRequest, settings: AccessSettings) -> str | None:
    """The person whom the platform signed in; None where it is not in front or signed nobody in.

    Raises NotSignedIn for a header that names no person.
    """
    header = req.headers.get("x-ms-client-principal") if settings.easy_auth else None
    if not header:
        return None
    try:
        principal = json.loads(base64.b64decode(header, validate=True))
        claims = _claims(principal)
    except (binascii.Error, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise NotSignedIn("The platform's sign-in cannot be read.") from error
    wanted = (*_ADDRESS_CLAIMS, principal.get("name_typ"))
    addresses = (str(claims.get(name, "")).strip().lower() for name in wanted)
    person = next((address for address in addresses if is_person(address)), None)
    if person is None:
        raise NotSignedIn("The platform's sign-in names no e-mail address.")
    return person


def _claims(principal: Any) -> dict[str, Any]:
    """Claims by type; of several of one type the first counts."""
    return {claim["typ"]: claim["val"] for claim in reversed(principal["claims"])}


# ---------------------------------------------------------------- the development sign-in


def dev_person(
    req: func.HttpRequest, settings: AccessSettings, keys: Keys, now: datetime | None = None
) -> str | None:
    """Who signed in by their own word; always None where that is not allowed."""
    text = cookies(req).get(SIGN_IN_COOKIE) if settings.dev_sign_in else None
    if not text:
        return None
    try:
        value = keys.read("sign-in", text)
        ends = float(value["e"])
    except (BadSignature, KeyError, TypeError, ValueError):
        return None
    person = str(value.get("p", ""))
    return person if is_person(person) and (now or datetime.now(UTC)).timestamp() < ends else None


def sign_in_cookie(
    person: str, settings: AccessSettings, keys: Keys, *, secure: bool, now: datetime | None = None
) -> str:
    """The Set-Cookie header that signs a person in by their own word. Raises NotSignedIn where that is not
    allowed, or the person's id has not the form of one.
    """
    if not settings.dev_sign_in:
        raise NotSignedIn("Signing in by one's own word is for local runs only.")
    if not is_person(person):
        raise NotSignedIn("That is not an e-mail address in lower case.")
    ends = (now or datetime.now(UTC)) + _SIGN_IN_LASTS
    value = keys.sign("sign-in", {"p": person, "e": ends.timestamp()})
    return dump_cookie(SIGN_IN_COOKIE, value, _SIGN_IN_LASTS, httponly=True, secure=secure, samesite="Lax")


def sign_out_cookie(*, secure: bool) -> str:
    """The Set-Cookie header that signs out."""
    return dump_cookie(SIGN_IN_COOKIE, "", max_age=0, httponly=True, secure=secure, samesite="Lax")


def is_secure(req: func.HttpRequest) -> bool:
    """Whether the browser came by https; the platform's front ends say so in a header."""
    return req.url.startswith("https:") or req.headers.get("x-forwarded-proto", "").startswith("https")

"""Forms that only our own pages can send: a signed double submit, bound to the person.

A page sets a cookie with a random secret (once per browser) and puts into each of its forms a token that is
signed over a hash of that secret and over the person. Another site can send the cookie along, but can neither
read it nor make a token that goes with it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

import azure.functions as func
from werkzeug.http import dump_cookie

from adapters.cookies import cookies
from adapters.identity import is_secure
from adapters.signing import BadSignature, Keys

COOKIE = "settle_form"
#: The name of the form's hidden field.
FIELD = "csrf"
_SECRET_LENGTH = 43  # characters of 32 random bytes, URL-safe


class CsrfRefused(Exception):
    """A form that did not come from a page of ours, or from one that is too old."""

    def __init__(self) -> None:
        super().__init__("The page was open too long or came from elsewhere. Open it again and repeat.")


def issue(keys: Keys, req: func.HttpRequest, person: str = "") -> tuple[str, str | None]:
    """The token for a page's forms, and the Set-Cookie header that goes with it (None: the browser has it).

    `person`: who the page is shown to, "" for a page before sign-in.
    """
    secret = _cookie(req)
    header = None
    if secret is None:
        secret = secrets.token_urlsafe(32)
        header = dump_cookie(COOKIE, secret, httponly=True, secure=is_secure(req), samesite="Lax")
    return keys.sign("form", {"c": _digest(secret), "p": person}), header


def check(keys: Keys, req: func.HttpRequest, token: str | None, person: str = "") -> None:
    """Hold a form's token against the cookie and the person. Raises CsrfRefused."""
    secret = _cookie(req)
    try:
        value = keys.read("form", token or "")
    except BadSignature as error:
        raise CsrfRefused from error
    expected = (_digest(secret or ""), person)
    given = (str(value.get("c", "")), str(value.get("p", "")))
    same = [hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(expected, given, strict=True)]
    if secret is None or not all(same):
        raise CsrfRefused


def _cookie(req: func.HttpRequest) -> str | None:
    secret = cookies(req).get(COOKIE, "")
    return secret if len(secret) == _SECRET_LENGTH and secret.isascii() else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

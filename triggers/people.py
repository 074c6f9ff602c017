"""Who asks, for the handlers of requests: what proves nothing becomes an error answer."""

from __future__ import annotations

import azure.functions as func

from adapters import identity
from adapters.identity import Identity, NotSignedIn
from adapters.links import LinkRefused
from adapters.services import Services
from triggers.errors import Refused

_LINK_STATUS = {"bad": 403, "expired": 410, "foreign": 403}


def who(
    req: func.HttpRequest, services: Services, *, approval: str | None = None, token: str | None = None
) -> Identity:
    """Who asks, about this approval if one is named. Raises Refused: 401, and for a link 403 or 410.

    May ask the storage: not to be called on the event loop.
    """
    try:
        return identity.person_of(
            req, services.settings.access, services.links, services.sessions, approval=approval, token=token
        )
    except NotSignedIn as error:
        raise Refused(401, "not_signed_in", str(error)) from error
    except LinkRefused as error:
        raise Refused(_LINK_STATUS[error.code], f"link_{error.code}", str(error)) from error


def who_if_any(req: func.HttpRequest, services: Services) -> Identity | None:
    """Who asks, None where nobody is signed in and no link was sent. Raises Refused for a bad link."""
    try:
        return who(req, services)
    except Refused as refused:
        if refused.status == 401:
            return None
        raise


def person_named(req: func.HttpRequest, services: Services, named: str) -> str:
    """Who is signed in, else whom the caller names; the two must not differ. Raises Refused."""
    signed_in = who_if_any(req, services)
    if signed_in is None:
        return named.strip()
    if named and named.strip().lower() != signed_in.person:
        raise Refused(
            403, "who_differs", "A person who is signed in says this for themselves. Leave out who."
        )
    return signed_in.person

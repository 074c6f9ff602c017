"""Who is asking: which proofs count, when, and whom they name."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
from werkzeug.http import parse_cookie

from adapters.access_settings import AccessSettings
from adapters.identity import (
    SIGN_IN_COOKIE,
    Identity,
    NotSignedIn,
    dev_sign_in,
    person_of,
    sign_in_cookie,
    sign_out_cookie,
)
from adapters.links import LinkRefused, Links
from adapters.signing import Keys
from stores.sessions import Sessions
from tests.fakes.memory_blobs import MemoryBlobs

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LINKS = Links(Keys(("k" * 32,)))
SESSIONS = Sessions(MemoryBlobs())
APPROVAL = "a" + "1" * 24
AZURE = AccessSettings(easy_auth=True)
LOCAL = AccessSettings(development=True, dev_sign_in=True)
NOTHING = AccessSettings()


def _principal(*claims: tuple[str, str], name_typ: str = "name") -> str:
    body: dict[str, Any] = {"auth_typ": "aad", "name_typ": name_typ, "role_typ": "roles"}
    body["claims"] = [{"typ": typ, "val": value} for typ, value in claims]
    return base64.b64encode(json.dumps(body).encode()).decode()


ANN_CLAIM = {"typ": "preferred_username", "val": "Ann.Roth@Example.com"}
ANN = _principal(("name", "Ann Roth"), ("preferred_username", "Ann.Roth@Example.com"))


def _request(*, principal: str = "", token: str = "", cookie: str = "") -> func.HttpRequest:
    headers = {"x-ms-client-principal": principal, "cookie": cookie}
    params = {"t": token} if token else {}
    return func.HttpRequest(
        "GET", "http://x/", headers={n: v for n, v in headers.items() if v}, params=params, body=b""
    )


def _who(settings: AccessSettings, approval: str | None = None, **sent: str) -> Identity:
    return person_of(_request(**sent), settings, LINKS, SESSIONS, approval=approval, now=NOW)


def _link(person: str = "ann.roth@example.com") -> str:
    return LINKS.sign(APPROVAL, "clerk", person, "ab" * 32, expires=NOW + timedelta(days=1))


def _cookie(person: str = "bob.lang@example.com", settings: AccessSettings = LOCAL) -> str:
    header = sign_in_cookie(person, settings, LINKS.keys, secure=False, now=NOW)
    return f"{SIGN_IN_COOKIE}={parse_cookie(header)[SIGN_IN_COOKIE]}"


def test_platform_names_the_person() -> None:
    """The address is brought to lower case."""
    assert _who(AZURE, principal=ANN) == Identity("ann.roth@example.com", "principal")


@pytest.mark.parametrize("settings", [NOTHING, LOCAL])
def test_header_of_the_platform_is_worth_nothing_where_the_platform_is_not_in_front(
    settings: AccessSettings,
) -> None:
    """Anybody can send it."""
    with pytest.raises(NotSignedIn):
        _who(settings, principal=ANN)


@pytest.mark.parametrize(
    "header",
    [
        "no base64!",
        base64.b64encode(b"{").decode(),
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'{"claims": 7}').decode(),
        base64.b64encode(b'{"claims": [{"typ": [], "val": "a@b.c"}]}').decode(),
        base64.b64encode(b"[" * 100_000).decode(),
        base64.b64encode(b'{"claims": [{"typ": "email", "val": "\\ud800@b.c"}]}').decode(),
        _principal(("preferred_username", "\u0430nn.roth@example.com"), ("email", "ann.roth@example.com")),
        _principal(("preferred_username", "\u212aarl@example.com")),
        _principal(("name", "Ann Roth")),
        _principal(("preferred_username", "ann roth@example.com")),
        _principal(("preferred_username", "ann@example.com\r\nX: y")),
    ],
)
def test_header_that_names_nobody_signs_nobody_in(header: str) -> None:
    """Broken or without an address: one refusal, no failure; a cookie or link does not step in."""
    with pytest.raises(NotSignedIn):
        _who(AZURE, principal=header)


@pytest.mark.parametrize(
    ("name_typ", "claim"),
    [
        (["name"], ANN_CLAIM),
        ({}, ANN_CLAIM),
        (5, ANN_CLAIM),
        (None, ANN_CLAIM),
        ("name", {"typ": "x", "val": [1]}),
        ("name", {"typ": "preferred_username", "val": ["@"]}),
        ("name", {"typ": "preferred_username", "val": {"@": 1}}),
        ("name", {"typ": "preferred_username", "val": 5}),
    ],
)
def test_header_with_odd_parts_still_names_the_person(name_typ: Any, claim: Any) -> None:
    """A name of another kind, and a value that is no text, say nothing; the address is there."""
    body = {"name_typ": name_typ, "claims": [claim, ANN_CLAIM]}
    header = base64.b64encode(json.dumps(body).encode()).decode()
    assert _who(AZURE, principal=header).person == "ann.roth@example.com"


def test_phone_number_as_a_sign_in_name_leaves_the_next_claim() -> None:
    """Only what has the form of an address is taken for one."""
    header = _principal(("preferred_username", "+49 151 000"), ("email", "ann.roth@example.com"))
    assert _who(AZURE, principal=header).person == "ann.roth@example.com"


def test_link_to_what_is_no_persons_id_is_bad() -> None:
    """A link names a person in the one form that persons have."""
    for person in ("Ann.Roth@example.com", "ann", "\u212aarl@example.com"):
        with pytest.raises(LinkRefused):
            _who(NOTHING, APPROVAL, token=_link(person))


def test_claims_are_taken_by_their_order_of_trust() -> None:
    """The sign-in name before the mail address; the claim that the platform calls the name comes last."""
    both = _principal(("email", "mail@example.com"), ("preferred_username", "login@example.com"))
    assert _who(AZURE, principal=both).person == "login@example.com"
    custom = _principal(("urn:login", "own@example.com"), name_typ="urn:login")
    assert _who(AZURE, principal=custom).person == "own@example.com"


def test_link_names_the_person_and_carries_what_it_says() -> None:
    """Where the platform is not in front, and also where it signed nobody in."""
    for settings in (NOTHING, LOCAL, AZURE):
        found = _who(settings, APPROVAL, token=_link())
        assert (found.person, found.via) == ("ann.roth@example.com", "link")
        assert found.link
        assert found.link.approval == APPROVAL


def test_link_of_the_person_whom_the_platform_signed_in_counts_with_the_sign_in() -> None:
    """The sign-in is the stronger proof; the link still says which stage was meant."""
    found = _who(AZURE, APPROVAL, principal=ANN, token=_link())
    assert (found.person, found.via) == ("ann.roth@example.com", "principal")
    assert found.link


def test_link_of_somebody_else_than_who_is_signed_in_is_foreign() -> None:
    """A forwarded mail does not make its reader the one it was sent to."""
    with pytest.raises(LinkRefused) as caught:
        _who(AZURE, APPROVAL, principal=ANN, token=_link("bob.lang@example.com"))
    assert caught.value.code == "foreign"


def test_bad_link_is_refused_even_with_a_sign_in() -> None:
    """It is not passed over in silence: whoever sends it should know."""
    with pytest.raises(LinkRefused):
        _who(LOCAL, token="x", cookie=_cookie())


def test_development_sign_in_counts_only_where_it_is_allowed() -> None:
    """The same cookie, sent to a deployed app, says nothing."""
    cookie = _cookie()
    assert _who(LOCAL, cookie=cookie) == Identity("bob.lang@example.com", "dev")
    for settings in (NOTHING, AZURE):
        with pytest.raises(NotSignedIn):
            _who(settings, cookie=cookie)
    with pytest.raises(NotSignedIn):
        sign_in_cookie("bob@example.com", NOTHING, LINKS.keys, secure=True)


def test_development_sign_in_ends_and_cannot_be_made_up() -> None:
    """After twelve hours; an altered cookie, or one made of a link, says nothing."""
    cookie = _cookie()
    late = NOW + timedelta(hours=12)
    with pytest.raises(NotSignedIn):
        person_of(_request(cookie=cookie), LOCAL, LINKS, SESSIONS, now=late)
    for wrong in (cookie[:-3] + "abc", f"{SIGN_IN_COOKIE}={_link()}", f"{SIGN_IN_COOKIE}=", "garbage"):
        with pytest.raises(NotSignedIn):
            _who(LOCAL, cookie=wrong)


def test_sign_in_that_was_ended_says_nothing_any_more() -> None:
    """Whoever kept the cookie; other sign-ins of the same person go on."""
    sessions = Sessions(MemoryBlobs())
    first, second = _cookie(), _cookie()
    assert first != second
    signed_in = dev_sign_in(_request(cookie=first), LOCAL, LINKS.keys, NOW)
    assert signed_in
    sessions.end(signed_in.session, NOW)
    with pytest.raises(NotSignedIn):
        person_of(_request(cookie=first), LOCAL, LINKS, sessions, now=NOW)
    assert person_of(_request(cookie=second), LOCAL, LINKS, sessions, now=NOW).via == "dev"
    both = person_of(_request(cookie=first, token=_link()), LOCAL, LINKS, sessions, now=NOW)
    assert both.via == "link"


def test_storage_is_asked_only_where_a_sign_in_by_ones_word_is_left() -> None:
    """Links, the platform, and who is not signed in cost no request."""
    blobs = MemoryBlobs()
    sessions = Sessions(blobs)
    person_of(_request(principal=ANN), AZURE, LINKS, sessions, now=NOW)
    person_of(_request(token=_link(), cookie=_cookie()), LOCAL, LINKS, sessions, now=NOW)
    with pytest.raises(NotSignedIn):
        person_of(_request(), LOCAL, LINKS, sessions, now=NOW)
    assert blobs.calls == []
    person_of(_request(cookie=_cookie()), LOCAL, LINKS, sessions, now=NOW)
    assert len(blobs.calls) == 1


def test_cookies_are_out_of_reach_of_scripts_and_other_sites() -> None:
    """HttpOnly, SameSite, and Secure where the page came by https."""
    header = sign_in_cookie("a@b.c", LOCAL, LINKS.keys, secure=True)
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= {part.strip() for part in header.split(";")}
    assert "Max-Age=0" in sign_out_cookie(secure=False)

"""Forms: only a page of ours, shown to this person in this browser, can send one."""

from __future__ import annotations

import azure.functions as func
import pytest
from werkzeug.http import parse_cookie

from adapters.csrf import COOKIE, CsrfRefused, check, issue
from adapters.signing import Keys

KEYS = Keys(("k" * 32,))
ANN, BOB = "ann@example.com", "bob@example.com"


def _request(cookie: str = "") -> func.HttpRequest:
    sent = {"cookie": f"{COOKIE}={cookie}"} if cookie else {}
    return func.HttpRequest("POST", "https://x/approvals/a1", headers=sent, body=b"")


def _page(person: str = ANN) -> tuple[str, str]:
    """Token and cookie of a page that was shown to a person."""
    token, header = issue(KEYS, _request(), person)
    assert header is not None
    return token, parse_cookie(header)[COOKIE]


def _is_refused(token: str | None, request: func.HttpRequest, person: str = ANN) -> bool:
    try:
        check(KEYS, request, token, person)
    except CsrfRefused:
        return True
    return False


def test_form_of_our_own_page_is_taken() -> None:
    """From the same browser for the same person."""
    token, cookie = _page()
    assert not _is_refused(token, _request(cookie))


def test_several_pages_of_one_browser_share_the_cookie() -> None:
    """The second page sets none, and the forms of both are taken."""
    first, cookie = _page()
    second, header = issue(KEYS, _request(cookie), ANN)
    assert header is None
    assert not _is_refused(first, _request(cookie))
    assert not _is_refused(second, _request(cookie))


@pytest.mark.parametrize("token", [None, "", "x", "a.b", "é"])
def test_form_without_a_good_token_is_refused(token: str | None) -> None:
    """Whether it is missing or made up."""
    _, cookie = _page()
    assert _is_refused(token, _request(cookie))


def test_form_from_elsewhere_is_refused() -> None:
    """Without the cookie, with another browser's, or for another person."""
    token, cookie = _page()
    other_token, other_cookie = _page()
    assert _is_refused(token, _request())
    assert _is_refused(token, _request(other_cookie))
    assert _is_refused(other_token, _request(cookie))
    assert _is_refused(token, _request(cookie), BOB)


def test_cookie_that_somebody_planted_is_not_taken_over() -> None:
    """One of another length is none: a new one is set."""
    _, header = issue(KEYS, _request("short"), ANN)
    assert header is not None


def test_cookie_is_out_of_reach_of_scripts() -> None:
    """HttpOnly and SameSite; Secure by https only, since local pages have none."""
    _, header = issue(KEYS, _request(), ANN)
    assert header
    assert {"HttpOnly", "Secure", "SameSite=Lax"} <= {part.strip() for part in header.split(";")}
    _, local = issue(KEYS, func.HttpRequest("GET", "http://127.0.0.1/x", headers={}, body=b""), ANN)
    assert local
    assert "Secure" not in local

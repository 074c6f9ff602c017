"""Signing in as a browser does it: cookies that the host takes apart and writes again still work."""

from __future__ import annotations

import copy

import pytest
import requests

from tests.e2e.visitors import Visitor, hidden_fields, path_of

ANN = "ann.roth@example.com"


@pytest.fixture
def visitor(base_url: str) -> Visitor:
    """Somebody who has not signed in, before a host that lets people in by their word."""
    if requests.get(f"{base_url}/sign-in", timeout=60).status_code == 404:
        pytest.skip("the host has no development sign-in")
    return Visitor(base_url)


def test_who_signs_in_gets_to_the_page_that_they_wanted(visitor: Visitor) -> None:
    """The cookie of the form and that of the sign-in come back as they were sent."""
    assert path_of(visitor.get("/absences")) == "/sign-in"
    answer = visitor.sign_in(ANN, "/absences")
    assert (answer.status_code, path_of(answer)) == (303, "/absences")
    page = visitor.get("/absences")
    assert page.status_code == 200
    assert ANN in page.text or "Ann" in page.text


def test_who_signs_out_is_asked_again(visitor: Visitor) -> None:
    """The cookie is taken back, and worth nothing to whoever kept a copy of it."""
    visitor.sign_in(ANN)
    thief = copy.deepcopy(visitor)
    assert thief.get("/inbox").status_code == 200
    fields = hidden_fields(visitor.get("/inbox").text)
    assert path_of(visitor.post("/sign-out", fields)) == "/sign-in"
    assert path_of(visitor.get("/inbox")) == "/sign-in"
    assert path_of(thief.get("/inbox")) == "/sign-in"


def test_a_form_without_its_cookie_is_refused(base_url: str, visitor: Visitor) -> None:
    """What another site sends along has no cookie of ours."""
    fields = hidden_fields(visitor.get("/sign-in").text)
    stranger = Visitor(base_url)
    assert stranger.post("/sign-in", {**fields, "other": ANN}).status_code == 403
    assert visitor.post("/sign-in", {**fields, "other": ANN}).status_code == 303

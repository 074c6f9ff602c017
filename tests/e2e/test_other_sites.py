"""What pages of other sites try in a browser on the machine of a local run: they get nothing, do nothing."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import requests

from tests.e2e import calls
from tests.e2e.approvals import Api, Waiting, invoice
from tests.e2e.documents import invoices, zipped
from tests.e2e.visitors import Visitor, hidden_fields

ANN = "ann.roth@example.com"
CROSS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}


@pytest.fixture(scope="module")
def api(base_url: str) -> Api:
    """A local run, where anybody may say who they are."""
    if requests.get(f"{base_url}/sign-in", timeout=60).status_code == 404:
        pytest.skip("the host has no development sign-in")
    return Api(base_url)


@pytest.fixture(scope="module")
def waiting(api: Api) -> Waiting:
    """An invoice that waits, so that there is a link worth stealing."""
    found = api.waiting(invoice())
    found.token(ANN)
    return found


def test_foreign_name_that_means_this_machine_reads_no_link_and_signs_nobody_in(
    api: Api, waiting: Waiting
) -> None:
    """DNS rebinding: the browser takes evil.example's page and this host for one site."""
    name = f"evil.example:{urlsplit(api.base).port}"
    own = {"Host": name, "Origin": f"http://{name}", "Sec-Fetch-Site": "same-origin"}
    for path in ("/outbox", "/api/outbox?top=1000", "/inbox", "/sign-in", f"/approvals/{waiting.approval}"):
        answer = calls.get(api.base + path, headers=own, allow_redirects=False)
        assert 400 <= answer.status_code < 500, path
        assert waiting.approval not in answer.text
        assert "Set-Cookie" not in answer.headers
    visitor = Visitor(api.base)
    fields = hidden_fields(visitor.get("/sign-in").text) | {"other": ANN}
    kept = {"Cookie": "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())}
    signed_in = calls.post(f"{api.base}/sign-in", headers=own | kept, data=fields, allow_redirects=False)
    assert 400 <= signed_in.status_code < 500
    assert visitor.post("/sign-in", fields).status_code == 303, "the same form from here is taken"


def test_form_of_another_site_sends_stops_and_decides_nothing(api: Api, waiting: Waiting) -> None:
    """With the right token even: a page that the user has open somewhere must not act for them."""
    zipped_up = zipped(invoices(1))
    as_zip = {"Content-Type": "application/zip"}
    as_json = {"Content-Type": "application/json"}
    decision = f'{{"decision": "approve", "t": "{waiting.token(ANN)}"}}'.encode()
    for method, path, headers, body in [
        ("POST", "/api/batches", as_zip, zipped_up),
        ("POST", "/api/invoices", {"Content-Type": "application/xml"}, invoice()),
        ("POST", f"/api/approvals/{waiting.approval}/decisions", as_json, decision),
        ("DELETE", "/api/batches/b" + "1" * 24, {}, b""),
        ("POST", "/api/delegations", as_json, b'{"until": "2099-01-01"}'),
    ]:
        answer = calls.request(method, api.base + path, headers=headers | CROSS, data=body)
        assert answer.status_code == 403, path
        assert answer.json()["error"]["code"] == "from_elsewhere"
    assert waiting.view()["status"] == "open"
    taken = calls.post(f"{api.base}/api/batches?approval=false", headers=as_zip, data=zipped_up)
    assert taken.status_code == 202, "a program that sends the same is served"


def test_answers_never_name_the_host_that_the_caller_made_up(api: Api) -> None:
    """Nor hand the key on to it."""
    made_up = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Original-Host": "evil.example"}
    headers = {"Content-Type": "application/zip"}
    for shown in (made_up, {name: text for name, text in made_up.items() if name != "Host"}):
        answer = calls.post(
            calls.with_key(f"{api.base}/api/batches?approval=false"),
            headers=headers | shown,
            data=zipped(invoices(1)),
        )
        assert "evil.example" not in answer.headers.get("Location", "")
        assert "//evil.example" not in answer.text

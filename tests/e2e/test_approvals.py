"""Invoices and their approval over HTTP, from POST to the payable; black box, on any local host.

The links come from the outbox, which local hosts show (`GET /api/outbox`).
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator

from samples.parties import NORDLICHT
from tests.e2e import calls
from tests.e2e.approvals import SENDER, Api, Waiting, account, invoice, until
from tests.e2e.documents import zipped
from tests.e2e.test_batches import ended, error
from tests.e2e.visitors import Visitor, hidden_fields

EVA = "eva.stein@example.com"
ANN, BOB, CARLA = "ann.roth@example.com", "bob.lang@example.com", "carla.weiss@example.com"


@pytest.fixture(scope="module")
def api(base_url: str) -> Api:
    """The API; hosts with channels or people of their own are not for these tests."""
    found = Api(base_url)
    if found.get("outbox").status_code == 404:
        pytest.skip("the host does not show its outbox, so the links cannot be read")
    return found


@pytest.fixture
def waiting(api: Api) -> Waiting:
    """An invoice of 595 euros, which one of two clerks has to approve."""
    return api.waiting(invoice())


# ---------------------------------------------------------------- the way through


def test_invoice_waits_and_is_booked_when_a_person_approves(api: Api, waiting: Waiting) -> None:
    """From POST to booked; the ledger names who, how, and on which document."""
    listed = api.get("approvals", params={"approver": ANN, "top": 1000}).json()["approvals"]
    (item,) = [one for one in listed if one["approval"] == waiting.approval]
    assert (item["amount"], item["currency"], item["stage"]) == ("595.00", "EUR", "clerk")
    assert api.get(f"invoices/{waiting.invoice}").status_code == 202
    answer = waiting.decide(waiting.token(ANN), comment="Fine")
    assert answer.status_code == 201, answer.text
    entry = answer.json()["entry"]
    assert (entry["kind"], entry["who"], entry["via"], entry["comment"]) == ("approve", ANN, "link", "Fine")
    end = api.ended(waiting.invoice)
    assert (end["status"], end["by"], end["undone"]) == ("booked", ANN, [])
    view = waiting.view()
    assert (view["status"], view["closed"], view["waiting_for"]) == ("approved", True, [])
    assert [one["kind"] for one in view["history"]] == [
        *("opened", "stage_opened", "approve", "closed", "booked")
    ]
    assert entry["sha256"] == view["document"]["sha256"]
    assert waiting.approval not in api.get("approvals", params={"top": 1000}).text
    told = until(lambda: api.messages(waiting.approval, "decided").get(SENDER))
    assert told["subject"].startswith("Approved: ") or "Approved by" in told["text"]


def test_messages_of_an_approval_are_shown_with_what_became_of_them(waiting: Waiting) -> None:
    """One for each clerk, sent."""

    def sent() -> list[dict[str, Any]] | None:
        found = waiting.view()["notifications"]
        return found if [one["state"] for one in found] == ["sent", "sent"] else None

    found = until(sent)
    assert {one["to"][0] for one in found} == {ANN, BOB}
    assert {(one["kind"], one["channel"], one["attempts"]) for one in found} == {("request", "outbox", 1)}


def test_rejected_invoice_is_not_booked_and_its_number_is_free_again(api: Api, waiting: Waiting) -> None:
    """What was done is undone, and the status says so; a corrected copy is no duplicate."""
    number = waiting.view()["invoice"]["number"]
    assert waiting.decide(waiting.token(ANN), "reject", "The freight was not agreed").status_code == 201
    end = api.ended(waiting.invoice)
    assert (end["status"], end["by"], end["undone"]) == ("rejected", ANN, ["claim"])
    again = api.waiting(invoice("400.00", number=number))
    assert again.invoice != waiting.invoice
    assert again.decide(again.token(BOB)).status_code == 201
    assert api.ended(again.invoice)["status"] == "booked"
    assert api.ended(api.send(invoice("300.00", number=number)))["status"] == "duplicate"


def test_question_goes_to_the_sender_and_its_answer_comes_back(api: Api, waiting: Waiting) -> None:
    """The link to answer cannot approve; who asked gets a new link with the answer."""
    asked = waiting.decide(waiting.token(ANN), "ask", "Which order is this?")
    assert asked.status_code == 201, asked.text
    question = waiting.token(SENDER, "question")
    assert error(waiting.decide(question)) == (403, "link_foreign")
    assert waiting.decide(question, "answer", "HW-1, see the delivery note").status_code == 201
    answered = api.messages(waiting.approval, "answer") or until(
        lambda: api.messages(waiting.approval, "answer")
    )
    assert "HW-1, see the delivery note" in answered[ANN]["text"]
    assert waiting.decide(waiting.token(ANN, "answer")).status_code == 201
    assert api.ended(waiting.invoice)["status"] == "booked"


def test_two_stages_with_a_quorum(api: Api) -> None:
    """A clerk, then two managers, each a different person; the clerk's link is worth nothing later."""
    waiting = api.waiting(invoice("20000.00"))
    clerk, other = waiting.token(ANN), waiting.token(BOB)
    assert waiting.decide(clerk).status_code == 201
    until(lambda: waiting.stage_is("management"))
    assert error(waiting.decide(other)) == (409, "stage_over")
    assert error(waiting.decide(other, stage="management")) == (403, "link_foreign")
    assert waiting.decide(waiting.token(CARLA)).status_code == 201
    assert error(waiting.decide(waiting.token(CARLA))) == (409, "link_used")
    view = waiting.view()
    assert (view["status"], view["stages"][1]["approvals"]) == ("open", 1)
    assert CARLA not in view["waiting_for"]
    assert waiting.decide(waiting.token("dan.horn@example.com")).status_code == 201
    assert api.ended(waiting.invoice)["status"] == "booked"


def test_invoice_that_only_claims_to_be_of_a_known_supplier_goes_to_people(api: Api) -> None:
    """119 euros, the VAT id and legal id of one who was approved, another name and another account."""
    seller = replace(NORDLICHT, legal_id=(f"HRB {uuid.uuid4().hex}", None))
    first = api.waiting(invoice("100.00", seller=seller))
    assert first.decide(first.token(ANN)).status_code == 201
    assert api.ended(first.invoice)["status"] == "booked"
    forged = replace(seller, name="Neue Firma GmbH", account=account())
    waiting = api.waiting(invoice("100.00", seller=forged))
    view = waiting.view()
    assert [one["rule"] for one in view["findings"]] == ["SETTLE-ACCOUNT-NEW"]
    assert (view["facts"]["supplier_known"], view["stage"]) == (False, "purchasing")
    end = api.ended(api.send(invoice("100.00", seller=seller)))
    assert (end["status"], end["approval"]) == ("booked", None)


def test_sender_is_not_asked_to_approve(api: Api) -> None:
    """Ann sent it in, so Bob is asked alone."""
    waiting = api.waiting(invoice(), sender=ANN)
    assert waiting.view()["waiting_for"] == [BOB]
    waiting.token(BOB)
    assert ANN not in api.messages(waiting.approval, "request")


def test_document_can_be_read_from_its_approval(api: Api) -> None:
    """Byte for byte, to be saved; its hash is the one that the link is bound to."""
    content = invoice()
    waiting = api.waiting(content)
    answer = api.get(f"approvals/{waiting.approval}/document")
    assert answer.content == content
    assert answer.headers["ETag"] == f'"{waiting.view()["document"]["sha256"]}"'
    assert answer.headers["Content-Disposition"].startswith("attachment")


def _batch(api: Api, *documents: bytes, **params: str) -> dict[str, Any]:
    """Send a batch and wait for its end; returns its status."""
    body = zipped([(f"{n}.xml", content) for n, content in enumerate(documents)])
    answer = api.post("batches", data=body, params=params, headers={"Content-Type": "application/zip"})
    assert answer.status_code == 202, answer.text
    status = ended(answer.headers["Location"])
    assert status["status"] == "completed"
    return status


def test_batch_hands_its_invoices_to_the_same_approval(api: Api) -> None:
    """It ends at its report; what needs a person waits in the inbox, started apart from the batch."""
    status = _batch(api, invoice(), invoice("20000.00"))

    def mine() -> list[dict[str, Any]] | None:
        found = api.get("approvals", params={"batch": status["id"]}).json()["approvals"]
        return found if len(found) == 2 else None

    small = min(until(mine), key=lambda one: float(one["amount"]))
    waiting = Waiting(api, "", small["approval"])
    assert waiting.decide(waiting.token(ANN)).status_code == 201
    until(lambda: waiting.view()["closed"])
    assert waiting.view()["ref"] == f"{status['id']}/1"


def test_people_get_a_message_for_many_invoices_with_a_link_to_each(api: Api) -> None:
    """Not one for each: a batch of ten is a mail or two, and what was said about single ones holds."""
    status = _batch(api, *(invoice() for _ in range(10)))

    def links() -> dict[str, dict[str, Any]] | None:
        open_ones = api.get("approvals", params={"batch": status["id"]}).json()["approvals"]
        found = {one["approval"]: api.messages(one["approval"], "request").get(ANN) for one in open_ones}
        return {k: v for k, v in found.items() if v} if len(found) == 10 and all(found.values()) else None

    found = until(links)
    assert len({message["id"] for message in found.values()}) < 5
    approval, message = next(iter(found.items()))
    waiting = Waiting(api, "", approval)
    assert waiting.decide(message["link"].partition("?t=")[2]).status_code == 201
    until(lambda: waiting.view()["closed"])


# ---------------------------------------------------------------- links and people


def test_altered_link_decides_nothing(waiting: Waiting) -> None:
    """Neither its claims nor its signature can be changed, nor can it be made up."""
    token = waiting.token(ANN)
    payload, _, signature = token.rpartition(".")
    for wrong in (token[:-5] + "AAAAA", f"{payload}x.{signature}", signature, "x", payload + "."):
        assert error(waiting.decide(wrong)) == (403, "link_bad")
    assert waiting.view()["status"] == "open"


def test_link_of_another_approval_decides_nothing(api: Api, waiting: Waiting) -> None:
    """Even of the same person in a stage of the same name."""
    other = api.waiting(invoice())
    assert error(waiting.decide(other.token(ANN))) == (403, "link_foreign")
    assert (waiting.view()["status"], other.view()["status"]) == ("open", "open")


def test_link_of_another_document_decides_nothing(waiting: Waiting) -> None:
    """Who says that they saw something else than the link was made for is stopped."""
    assert error(waiting.decide(waiting.token(ANN), sha256="0" * 64)) == (409, "document_changed")
    assert waiting.view()["status"] == "open"


def test_link_counts_once(api: Api, waiting: Waiting) -> None:
    """Ten clicks at the same time are one decision; one more afterwards is told so."""
    token = waiting.token(ANN)
    with ThreadPoolExecutor(10) as people:
        codes = [one.status_code for one in people.map(lambda _: waiting.decide(token), range(10))]
    assert sorted(codes) == [201] + [409] * 9
    api.ended(waiting.invoice)
    assert error(waiting.decide(token)) == (409, "stage_over")
    kinds = [one["kind"] for one in waiting.view()["history"]]
    assert kinds.count("approve") == 1


def test_of_two_approvers_at_the_same_moment_one_decides(api: Api, waiting: Waiting) -> None:
    """Whether they agree or not: the ledger has one of them, and the other is told that it is over."""
    votes = [(waiting.token(ANN), "approve"), (waiting.token(BOB), "reject")]
    with ThreadPoolExecutor(2) as people:
        answers = list(people.map(lambda vote: waiting.decide(vote[0], vote[1], "Well"), votes))
    assert sorted(one.status_code for one in answers) == [201, 409]
    (won,) = [one.json()["entry"]["kind"] for one in answers if one.ok]
    expected = {"approve": "booked", "reject": "rejected"}[won]
    assert api.ended(waiting.invoice)["status"] == expected


def test_expired_link_decides_nothing(api: Api) -> None:
    """The time of its stage is over."""
    waiting = api.waiting(invoice(currency="ISK"))
    if waiting.view()["rule"] != "quick":
        pytest.skip("the policy of this host has no stage of a few seconds")
    token = waiting.token(ANN)
    assert api.ended(waiting.invoice)["status"] == "expired"
    assert error(waiting.decide(token)) == (410, "link_expired")


def test_absence_reaches_what_waits_already(base_url: str, api: Api, waiting: Waiting) -> None:
    """Lists and messages name the stand-in within a minute, and the person again who is back."""
    bob = Visitor(base_url)
    if bob.get("/sign-in").status_code == 404:
        pytest.skip("the host has no development sign-in")
    bob.sign_in(BOB, "/absences")
    until_day = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()

    def look() -> None:
        path = f"{base_url}/admin/functions/look_at_rights"
        assert calls.operate("POST", path, json={"input": ""}).status_code == 202

    def waits_for(person: str) -> bool:
        found = api.get("approvals", params={"approver": person, "top": 1000}).json()["approvals"]
        return waiting.approval in [one["approval"] for one in found]

    away = {**hidden_fields(bob.get("/absences").text), "until": until_day, "to": EVA}
    assert bob.post("/absences", away).status_code == 303
    try:
        look()
        until(lambda: waits_for(EVA) and not waits_for(BOB))
        assert waiting.token(EVA)
        assert waiting.view()["history"][-1]["kind"] == "asked"
    finally:
        back = hidden_fields(bob.get("/absences").text)
        assert bob.post("/absences/end", back).status_code == 303
        look()
    until(lambda: waits_for(BOB) and not waits_for(EVA))


def test_invoice_that_was_sent_by_mistake_is_withdrawn(base_url: str, api: Api, waiting: Waiting) -> None:
    """Its link then says that it is over; a second time changes nothing, and what is booked stays so."""
    token = waiting.token(ANN)
    path = f"{base_url}/api/invoices/{waiting.invoice}"
    assert error(calls.request("DELETE", path, params={"who": SENDER}, timeout=60)) == (400, "why_missing")
    for _ in range(2):
        answer = calls.request("DELETE", path, params={"who": SENDER, "why": "Not ours"}, timeout=60)
        assert answer.status_code == 200, answer.text
        assert {"status": "withdrawn", "by": SENDER, "why": "Not ours"}.items() <= answer.json().items()
    assert api.ended(waiting.invoice)["status"] == "withdrawn"
    assert error(waiting.decide(token)) == (409, "stage_over")
    other = api.waiting(invoice())
    assert other.decide(other.token(ANN)).status_code == 201
    assert api.ended(other.invoice)["status"] == "booked"
    path = f"{base_url}/api/invoices/{other.invoice}"
    answer = calls.request("DELETE", path, params={"who": SENDER, "why": "Too late"}, timeout=60)
    assert error(answer) == (409, "booked")


def test_nobody_decides_without_a_link_or_a_sign_in(waiting: Waiting) -> None:
    """A header of the platform is worth nothing where the platform is not in front."""
    claims = {"claims": [{"typ": "preferred_username", "val": ANN}]}
    header = {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(claims).encode()).decode()}
    body = {"decision": "approve", "stage": "clerk", "sha256": waiting.view()["document"]["sha256"]}
    path = f"approvals/{waiting.approval}/decisions"
    assert error(waiting.api.post(path, json=body)) == (401, "not_signed_in")
    assert error(waiting.api.post(path, json=body, headers=header)) == (401, "not_signed_in")
    assert error(waiting.api.post("delegations", json={"until": "2099-01-01"}, headers=header)) == (
        401,
        "not_signed_in",
    )
    assert error(waiting.api.post("delegations", json={}, params={"t": waiting.token(ANN)})) == (
        403,
        "link_not_enough",
    )


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_post_decides(base_url: str, waiting: Waiting, method: str) -> None:
    """Mail scanners follow links, and some send more than GET."""
    token = waiting.token(ANN)
    for path in (f"approvals/{waiting.approval}", f"api/approvals/{waiting.approval}/decisions"):
        calls.request(
            method,
            f"{base_url}/{path}",
            params={"t": token, "decision": "approve"},
            json={"decision": "approve"},
            timeout=30,
        )
    view = waiting.view()
    assert (view["status"], [one["kind"] for one in view["history"]]) == ("open", ["opened", "stage_opened"])


# ---------------------------------------------------------------- bad input


_HOSTILE: list[tuple[bytes, tuple[int, str]]] = [
    (b"", (400, "bad_json")),
    (b"{", (400, "bad_json")),
    (b"[" * 60_000, (400, "bad_json")),
    (b"\xff\xfe", (400, "bad_json")),
    (b"[]", (400, "bad_request")),
    (b'"approve"', (400, "bad_request")),
    (b"null", (400, "bad_request")),
    (b'{"decision": "approve", "__class__": "Exception"}', (400, "unknown_field")),
    (b'{"decision": {"__class__": "Exception", "__module__": "builtins"}}', (400, "bad_field")),
    (b'{"decision": "approve", "comment": "\\ud800"}', (400, "bad_field")),
    (b'{"decision": "approve", "comment": 7}', (400, "bad_field")),
    (json.dumps({"decision": "approve", "comment": "x" * 2001}).encode(), (400, "bad_field")),
    (b'{"decision": "approve", "comment": "' + b"x" * 70_000 + b'"}', (413, "body_too_large")),
    (b'{"decision": "pay"}', (400, "unknown_decision")),
    (b'{"decision": "approve", "stage": "../clerk"}', (403, "link_foreign")),
    (b'{"decision": "reject"}', (400, "comment_needed")),
    (b"{}", (400, "missing_field")),
]


def test_hostile_json_is_refused_and_harms_nothing(waiting: Waiting) -> None:
    """Each is answered in the one shape of errors; the approval goes on as if nothing had been."""
    token = waiting.token(ANN)
    path = f"approvals/{waiting.approval}/decisions"
    for body, expected in _HOSTILE:
        answer = waiting.api.post(
            path, data=body, params={"t": token}, headers={"Content-Type": "application/json"}
        )
        assert error(answer) == expected, body[:80]
    form = {"decision": "approve"}
    assert error(waiting.api.post(path, data=form, params={"t": token})) == (415, "unsupported_media_type")
    elsewhere = waiting.api.post(
        path, json=form, params={"t": token}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert error(elsewhere) == (403, "from_elsewhere")
    assert waiting.decide(token).status_code == 201
    assert waiting.api.ended(waiting.invoice)["status"] == "booked"


_Send = Callable[[Api], requests.Response]
_XML = {"Content-Type": "application/xml"}


@pytest.mark.parametrize(
    ("send_it", "expected"),
    [
        (lambda api: api.post("invoices", data=b"", headers=_XML), (400, "empty_body")),
        (lambda api: api.post("invoices", data=b"x"), (415, "unsupported_media_type")),
        (lambda api: api.post("invoices", json={}), (415, "unsupported_media_type")),
        (
            lambda api: api.post("invoices", data=b" " * (20 * 1024 * 1024 + 1), headers=_XML),
            (413, "document_too_large"),
        ),
        (
            lambda api: api.post("invoices", files=[("a", ("a.xml", b"a")), ("b", ("b.xml", b"b"))]),
            (400, "one_file"),
        ),
        (
            lambda api: api.post("invoices", data=b"x", headers=_XML, params={"sender": "nobody"}),
            (400, "bad_sender"),
        ),
        (
            lambda api: api.post("invoices", data=b"x", headers=_XML | {"Idempotency-Key": "k" * 300}),
            (400, "bad_idempotency_key"),
        ),
        (lambda api: api.get("invoices/i" + "0" * 24), (404, "unknown_invoice")),
        (lambda api: api.get("invoices/..%2F..%2Fkeys%2Flink"), (404, "unknown_invoice")),
        (lambda api: api.get("approvals/a" + "0" * 24), (404, "unknown_approval")),
        (lambda api: api.get("approvals/x/document"), (404, "unknown_approval")),
        (lambda api: api.get("approvals", params={"top": "0"}), (400, "bad_top")),
        (lambda api: api.get("approvals", params={"skip": "-1"}), (400, "bad_skip")),
    ],
)
def test_useless_request_is_refused(api: Api, send_it: _Send, expected: tuple[int, str]) -> None:
    """4xx, in the one shape of errors."""
    assert error(send_it(api)) == expected


def test_document_that_is_no_invoice_ends_without_asking_anybody(api: Api) -> None:
    """Its findings say why."""
    end = api.ended(api.send(b"<Letter/>", **{"Content-Disposition": 'attachment; filename="a/../b.xml"'}))
    assert (end["status"], end["approval"], end["name"]) == ("unreadable", None, "b.xml")
    assert end["findings"][0]["severity"] == "fatal"


def test_same_invoice_again_finds_the_first(api: Api) -> None:
    """By content, or by key; the same key with another document is a mistake."""
    content, key = invoice(), {"Idempotency-Key": f"key-{uuid.uuid4()}"}
    assert api.send(content) == api.send(content)
    first = api.send(content, **key)
    assert first == api.send(content, **key)
    assert first != api.send(content)
    answer = api.post("invoices", data=invoice(), headers=_XML | key)
    assert error(answer) == (422, "idempotency_key_reused")


def test_form_with_one_file_is_taken(api: Api) -> None:
    """As a browser sends it."""
    answer = api.post("invoices", files={"file": ("März/Rechnung.xml", invoice(), "text/xml")})
    assert answer.status_code == 202, answer.text
    assert api.get(f"invoices/{answer.json()['id']}").json()["name"] == "Rechnung.xml"


def test_api_describes_itself(api: Api) -> None:
    """And the health says that the policy can be used."""
    described = api.get("openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert "/api/approvals/{id}/decisions" in described["paths"]
    assert api.get("healthz").json()["checks"]["policy"] == "ok"


def test_answers_are_what_the_description_says(api: Api, waiting: Waiting) -> None:
    """Each body against its schema, before and after a decision."""
    described = api.get("openapi.json").json()

    def holds(schema: str, answer: requests.Response) -> None:
        document = {"$ref": f"#/components/schemas/{schema}", "components": described["components"]}
        wrong = [
            f"{one.json_path}: {one.message}"
            for one in Draft202012Validator(document).iter_errors(answer.json())
        ]
        assert wrong == [], (schema, wrong)

    holds("InvoiceAccepted", api.post("invoices", data=invoice(), headers=_XML))
    holds("Approval", api.get(f"approvals/{waiting.approval}"))
    holds("OpenApprovals", api.get("approvals"))
    holds("Delegations", api.get("delegations"))
    holds("Health", api.get("healthz"))
    holds("Decided", waiting.decide(waiting.token(ANN)))
    holds("Error", waiting.decide("x"))
    holds("Outbox", api.get("outbox"))
    api.ended(waiting.invoice)
    holds("Approval", api.get(f"approvals/{waiting.approval}"))
    holds("Invoice", api.get(f"invoices/{waiting.invoice}"))
    holds("Invoice", api.get(f"invoices/{api.ended(api.send(b'<Letter/>'))['id']}"))
    status = _batch(api, invoice())
    holds("Batch", api.get(f"batches/{status['id']}"))
    holds("Batches", api.get("batches"))


def test_batch_that_only_checks_asks_nobody(api: Api) -> None:
    """`approval=false`."""
    status = _batch(api, invoice(), approval="false")
    assert api.get("approvals", params={"batch": status["id"]}).json()["total"] == 0

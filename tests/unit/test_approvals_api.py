"""The API's handlers in-process, for what cannot be seen from outside: other people's sign-ins, documents
that are replaced, policies that cannot be used, links that have ended.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from werkzeug.http import parse_cookie

from adapters import services
from adapters.identity import SIGN_IN_COOKIE, sign_in_cookie
from adapters.services import Services
from adapters.settings import from_environment
from invoicing.approval import names
from invoicing.approval.ledger import Draft, chain, request_sha256, signature_fault, to_bytes
from invoicing.approval.policy import Stage
from stores import approval_names
from stores.invoices import document_name, record_name
from tests.fakes.ledger_keys import LEDGER_KEY, LEDGER_KEYS
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.asked import asked
from tests.unit.report_rows import row
from triggers import approvals as api
from triggers import invoices
from usecases.approval_view import read_approval

ANN, BOB, SUE = "ann.roth@example.com", "bob.lang@example.com", "sue.sender@example.com"
REF = "i" + "1" * 24
APPROVAL = names.approval_id(REF)
DOCUMENT = b"<Invoice/>"
SHA256 = hashlib.sha256(DOCUMENT).hexdigest()


def _handler(builder: Any) -> Any:
    function = builder._function.get_user_function()
    return getattr(function, "__wrapped__", function) if "client" in _names(function) else function


def _names(function: Any) -> tuple[str, ...]:
    return tuple(function.__annotations__)


class Client:
    """A durable client without any instance, which keeps what is started."""

    def __init__(self) -> None:
        self.started: list[str] = []

    async def get_status(self, instance: str) -> None:
        """There is none."""

    async def start_new(self, name: str, instance: str, value: Any) -> None:
        """Keep its id."""
        self.started.append(instance)


class World:
    """An open approval in memory, with settings that a test can change."""

    def __init__(self, policy: Path) -> None:
        self.blobs, self.client = MemoryBlobs(), Client()
        self.environment = {
            "AzureWebJobsStorage": "unused",
            "SETTLE_LINK_KEY": "k" * 32,
            "SETTLE_LEDGER_KEY": LEDGER_KEY,
            "SETTLE_POLICY": str(policy),
        }
        request = asked(
            REF,
            Stage("clerk", (ANN, BOB), timedelta(days=14)),
            created=datetime.now(UTC),
            sender=SUE,
            row=row(name="re-1.xml", sha256=SHA256, kind="cii", invoice=None),
        )
        data = request.as_json()
        self.blobs.write(approval_names.request(APPROVAL), data)
        self.blobs.write(document_name(REF), DOCUMENT)
        last = None
        for draft in (
            Draft("opened", request.created.isoformat()),
            Draft("stage_opened", request.created.isoformat(), "clerk"),
        ):
            last = chain(draft, last, request_sha256(data), LEDGER_KEYS)
            self.blobs.create(approval_names.entry(APPROVAL, last.seq), to_bytes(last))

    @property
    def services(self) -> Services:
        return Services(from_environment(self.environment), self.blobs, lambda: Any)  # type: ignore[arg-type]

    def token(self, person: str = ANN, ends: timedelta = timedelta(days=1), **more: Any) -> str:
        """A link's token."""
        expires = datetime.now(UTC) + ends
        return self.services.links.sign(APPROVAL, "clerk", person, SHA256, expires=expires, **more)

    def cookie(self, person: str) -> dict[str, str]:
        """The header of somebody who signed in by their own word."""
        here = self.services
        header = sign_in_cookie(person, here.settings.access, here.links.keys, secure=False)
        return {"Cookie": f"{SIGN_IN_COOKIE}={parse_cookie(header)[SIGN_IN_COOKIE]}"}

    async def call(
        self, builder: Any, *, body: Any = None, headers: dict[str, str] | None = None, **params: str
    ) -> tuple[int, Any]:
        """Status and body of a handler's answer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = func.HttpRequest(
            "POST",
            "http://localhost:7071/api/approvals",
            headers={"content-type": "application/json"} | (headers or {}),
            params=params,
            route_params={"id": APPROVAL},
            body=content,
        )
        handler = _handler(builder)
        more = {"client": self.client} if "client" in _names(handler) else {}
        with services.replaced_by(self.services):
            answer = await handler(request, **more)
        return answer.status_code, json.loads(answer.get_body() or b"null")

    async def decide(self, token: str = "", headers: dict[str, str] | None = None, **said: str) -> Any:
        """Status, and the code of an error or the entry's `via`."""
        body = {"decision": "approve"} | ({"t": token} if token else {}) | said
        status, answer = await self.call(api.post_decision, body=body, headers=headers)
        return status, answer["error"]["code"] if status >= 400 else answer["entry"]["via"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """No sign-in is allowed but links."""
    policy = tmp_path / "policy.json"
    people = {person: {"name": person} for person in (ANN, BOB)}
    stage = {"name": "clerk", "approvers": [ANN], "expire_after": "P14D"}
    rules = [{"name": "all", "when": {}, "stages": [stage]}]
    policy.write_text(json.dumps({"version": 1, "people": people, "rules": rules}))
    return World(policy)


async def test_document_that_was_replaced_after_the_mail_cannot_be_approved(world: World) -> None:
    """The link says what was shown; a reject needs no look, so it still counts."""
    token = world.token()
    world.blobs.write(document_name(REF), b"<Invoice>more</Invoice>")
    assert await world.decide(token) == (409, "document_changed")
    assert len(read_approval(world.blobs, APPROVAL).entries) == 2
    assert await world.decide(token, decision="reject", comment="Not what I saw") == (201, "link")


async def test_approver_who_was_taken_out_of_the_policy_cannot_use_their_link(world: World) -> None:
    """403 with the reason, though the link is good for a fortnight; the page says the same."""
    token = world.token()
    file = Path(world.environment["SETTLE_POLICY"])
    policy = json.loads(file.read_text())
    del policy["people"][ANN]
    policy["rules"][0]["stages"][0]["approvers"] = [BOB]
    file.write_text(json.dumps(policy))
    assert await world.decide(token) == (403, "right_ended")
    assert len(read_approval(world.blobs, APPROVAL).entries) == 2


async def test_without_a_key_nothing_is_decided_where_the_app_is_deployed(world: World) -> None:
    """503 with what is missing, nothing in the ledger; a local run decides, unsigned."""
    del world.environment["SETTLE_LEDGER_KEY"]
    assert await world.decide(world.token()) == (503, "ledger_key_missing")
    assert len(read_approval(world.blobs, APPROVAL).entries) == 2
    world.environment["AZURE_FUNCTIONS_ENVIRONMENT"] = "Development"
    assert await world.decide(world.token()) == (201, "link")
    assert read_approval(world.blobs, APPROVAL).entries[-1].signed_with is None


async def test_decision_is_signed_with_the_newest_key(world: World) -> None:
    """The answer does not show the signature; the ledger has it."""
    world.environment["SETTLE_LEDGER_KEY"] = f"{'n' * 40} {LEDGER_KEY}"
    status, answer = await world.call(api.post_decision, body={"decision": "approve", "t": world.token()})
    assert (status, "signature" in answer["entry"]) == (201, False)
    entry = read_approval(world.blobs, APPROVAL).entries[-1]
    keys = world.services.ledger_keys
    assert entry.signed_with == keys.ids[0] != LEDGER_KEYS.ids[0]
    assert signature_fault(entry, keys) is None


async def test_link_that_has_ended_decides_nothing(world: World) -> None:
    """410, and nothing in the ledger."""
    assert await world.decide(world.token(ends=-timedelta(seconds=1))) == (410, "link_expired")
    assert len(read_approval(world.blobs, APPROVAL).entries) == 2


async def test_link_of_somebody_who_is_no_approver_decides_nothing(world: World) -> None:
    """It could only come from us, and still the ledger's rules are asked."""
    assert await world.decide(world.token("eve@example.com")) == (403, "not_your_turn")
    assert await world.decide(world.token(SUE)) == (403, "not_your_turn")


async def test_platforms_sign_in_counts_where_the_setting_says_so(world: World) -> None:
    """With stage and document named; with a link it is the link's person, or it is refused."""
    claims = {"claims": [{"typ": "preferred_username", "val": "Ann.Roth@example.com"}]}
    header = {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(claims).encode()).decode()}
    said = {"stage": "clerk", "sha256": SHA256}
    assert await world.decide(headers=header, **said) == (401, "not_signed_in")
    world.environment["SETTLE_EASY_AUTH"] = "true"
    assert await world.decide(world.token(BOB), headers=header) == (403, "link_foreign")
    assert await world.decide(headers=header) == (400, "missing_field")
    assert await world.decide(headers=header, **(said | {"sha256": "0" * 64})) == (409, "document_changed")
    assert await world.decide(headers=header, **said) == (201, "principal")


async def test_development_sign_in_counts_in_local_runs_only(world: World) -> None:
    """The cookie of a local run says nothing to a deployed app with the same key."""
    world.environment["SETTLE_DEV_SIGN_IN"] = "true"
    cookie, said = world.cookie(ANN), {"stage": "clerk", "sha256": SHA256}
    del world.environment["SETTLE_DEV_SIGN_IN"]
    assert await world.decide(headers=cookie, **said) == (401, "not_signed_in")
    world.environment["SETTLE_DEV_SIGN_IN"] = "true"
    assert await world.decide(headers=cookie, **said) == (201, "dev")


async def test_person_says_that_they_are_away_and_that_they_are_back(world: World) -> None:
    """A day counts to its end; the stand-in may decide meanwhile."""
    world.environment["SETTLE_DEV_SIGN_IN"] = "true"
    ann, day = world.cookie(ANN), (datetime.now(UTC) + timedelta(days=3)).date()
    status, made = await world.call(
        api.post_delegation, body={"until": day.isoformat(), "to": BOB.upper()}, headers=ann
    )
    assert status == 201, made
    assert made["delegation"]["until"] == f"{day + timedelta(days=1)}T00:00:00+00:00"
    _, listed = await world.call(api.get_delegations)
    assert [(one["who"], one["to"]) for one in listed["delegations"]] == [(ANN, BOB)]
    assert await world.call(api.delete_delegation, headers=ann) == (204, None)
    assert (await world.call(api.get_delegations))[1] == {"delegations": [], "damaged": []}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "bad_until")),
        ({"until": "soon"}, (400, "bad_until")),
        ({"until": "2026-02-30"}, (400, "bad_until")),
        ({"until": "9999-12-31"}, (400, "bad_until")),
        ({"until": "2099-01-01T00:00:00"}, (400, "bad_until")),
        ({"until": "2020-01-01", "to": BOB}, (422, "past")),
        ({"until": "2199-01-01", "to": BOB}, (422, "too_long")),
        ({"until": "2199-01-01", "to": "eve@example.com"}, (422, "unknown_person")),
        ({"until": "2199-01-01"}, (422, "no_deputy")),
        ({"until": "2199-01-01", "to": ANN}, (422, "self")),
    ],
)
async def test_absence_that_cannot_be_is_refused(
    world: World, body: dict[str, str], expected: tuple[int, str]
) -> None:
    """With a code and a sentence."""
    world.environment["SETTLE_DEV_SIGN_IN"] = "true"
    status, answer = await world.call(api.post_delegation, body=body, headers=world.cookie(ANN))
    assert (status, answer["error"]["code"]) == expected


async def test_loop_of_absences_is_refused(world: World) -> None:
    """Ann stands in for Bob, so Bob cannot stand in for Ann."""
    world.environment["SETTLE_DEV_SIGN_IN"] = "true"
    until = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    for who, to in ((BOB, ANN), (ANN, BOB)):
        status, answer = await world.call(
            api.post_delegation, body={"until": until, "to": to}, headers=world.cookie(who)
        )
    assert (status, answer["error"]["code"]) == (422, "loop")


async def test_invoice_is_refused_while_the_policy_cannot_be_used(world: World) -> None:
    """503 with every problem; nothing is stored. Nobody decides either: who still may is not known."""
    Path(world.environment["SETTLE_POLICY"]).write_text('{"version": 1, "people": {}, "rules": []}')
    xml = {"content-type": "application/xml"}
    status, answer = await world.call(invoices.start_invoice, body=DOCUMENT, headers=xml)
    assert (status, answer["error"]["code"]) == (503, "policy_invalid")
    assert answer["error"]["detail"]
    assert (world.client.started, world.blobs.names("invoices/")) == ([], [document_name(REF)])
    assert await world.decide(world.token()) == (503, "policy_invalid")
    assert len(read_approval(world.blobs, APPROVAL).entries) == 2


async def test_sender_is_who_is_signed_in(world: World) -> None:
    """Nobody sends in somebody else's name; a machine says who sent it to it."""
    world.environment["SETTLE_DEV_SIGN_IN"] = "true"
    ann = world.cookie(ANN) | {"content-type": "application/xml"}
    status, answer = await world.call(invoices.start_invoice, body=b"<a/>", headers=ann, sender=BOB)
    assert (status, answer["error"]["code"]) == (403, "bad_sender")
    status, answer = await world.call(invoices.start_invoice, body=b"<a/>", headers=ann)
    assert status == 202
    record = json.loads(world.blobs.read(record_name(answer["id"])))
    assert (record["sender"], world.client.started) == (ANN, [answer["id"]])


@pytest.mark.parametrize("sender", ["\u212aarl@example.com", "sue\u200b@example.com", "nobody", "a@b@c"])
async def test_sender_that_looks_like_somebody_else_is_refused(world: World, sender: str) -> None:
    """Taken for another, they could approve what they sent in."""
    xml = {"content-type": "application/xml"}
    status, answer = await world.call(invoices.start_invoice, body=b"<a/>", headers=xml, sender=sender)
    assert (status, answer["error"]["code"]) == (400, "bad_sender")
    assert world.client.started == []


async def test_sender_is_known_however_they_are_written(world: World) -> None:
    """As one of the approvers may be: capitals do not make another person."""
    xml = {"content-type": "application/xml"}
    _, answer = await world.call(
        invoices.start_invoice, body=b"<a/>", headers=xml, sender="Ann.Roth@Example.com"
    )
    assert json.loads(world.blobs.read(record_name(answer["id"])))["sender"] == ANN


async def test_list_for_an_approver_takes_the_address_however_it_is_written(world: World) -> None:
    """And refuses one that nobody can have."""
    assert (await world.call(api.get_approvals, approver="Ann.Roth@Example.COM"))[0] == 200
    status, answer = await world.call(api.get_approvals, approver="\u0430nn.roth@example.com")
    assert (status, answer["error"]["code"]) == (400, "bad_approver")


async def test_outbox_is_not_shown_by_a_deployed_app(world: World) -> None:
    """It holds other people's links."""
    assert (await world.call(api.get_outbox))[0] == 404
    world.environment["AZURE_FUNCTIONS_ENVIRONMENT"] = "Development"
    assert await world.call(api.get_outbox) == (200, {"messages": [], "damaged": [], "page": None})
    world.environment["WEBSITE_SITE_NAME"] = "settle"
    assert (await world.call(api.get_outbox))[0] == 404


async def test_storage_that_is_away_is_told_as_such(world: World) -> None:
    """503, and the decision can be sent again."""
    token = world.token()
    world.blobs.go_away()
    assert await world.decide(token) == (503, "storage_unavailable")
    world.blobs.come_back()
    assert await world.decide(token) == (201, "link")

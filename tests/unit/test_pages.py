"""The handlers of the pages, on blobs in memory: who may see what, hostile texts, forms, and headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

import azure.functions as func
import pytest
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime
from werkzeug.http import parse_cookie

from adapters import approvals, csrf, outbox, services
from adapters.access_settings import AccessSettings
from adapters.channels import Message
from adapters.identity import sign_in_cookie
from adapters.services import Services
from adapters.settings import from_environment
from invoicing.assess import Checker
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker
from tests.unit.approvals_on_paper import ANN, BOB, CARLA, put_approval
from tests.unit.invoice_documents import ubl
from tests.unit.report_rows import finding, invoice, row
from triggers import pages_approval, pages_batches, pages_inbox, pages_outbox, pages_runs, pages_sign_in
from web.rendering import static_url

BASE = "https://settle.example"
#: What strangers may write into any field of an invoice.
HOSTILE = "<script>alert(1)</script>\"'&\u202egpj.exe{{7*7}}" + "W" * 3000
Page = Callable[..., Any]


def _handler(builder: Any) -> Page:
    """The plain function behind a decorated trigger, without what hands it the durable client."""
    function = builder._function.get_user_function()
    return getattr(function, "client_function", function)


class Client:
    """A durable client that knows a few instances and keeps the events that were raised."""

    def __init__(self, *statuses: Any) -> None:
        self.statuses, self.raised = {one.instance_id: one for one in statuses}, []

    async def get_status(self, instance_id: str, *_: Any, **__: Any) -> Any:
        return self.statuses.get(instance_id)

    async def get_status_by(self, **_: Any) -> list[Any]:
        return list(self.statuses.values())

    async def raise_event(self, instance_id: str, name: str, data: Any = None) -> None:
        self.raised.append((instance_id, name))


def status(instance: str, **changes: Any) -> Any:
    """A status as the durable client gives it."""
    now = datetime.now(UTC)
    values = {
        "instance_id": instance,
        "name": "approval",
        "created_time": now,
        "last_updated_time": now,
        "runtime_status": Runtime.Running,
        "output": None,
        "custom_status": None,
        "input_": None,
        "historyEvents": [],
    }
    return SimpleNamespace(**values | changes)


@pytest.fixture
def here() -> Iterator[Services]:
    """A local run with nothing in it."""
    settings = replace(
        from_environment({"AzureWebJobsStorage": "unused"}),
        access=AccessSettings(link_keys=("k" * 40,), public_url=BASE, development=True, dev_sign_in=True),
    )
    with services.replaced_by(
        Services(settings, MemoryBlobs(), lambda: cast(Checker, SayingChecker()))
    ) as made:
        yield made


def request(path: str, person: str | None = ANN, method: str = "GET", **more: Any) -> func.HttpRequest:
    """A request as a browser sends it; `fields` make a form with its token."""
    here = services.current()
    path, _, query = path.partition("?")
    params = dict(part.split("=", 1) for part in query.split("&") if part)
    cookies = [f"{csrf.COOKIE}={'s' * 43}"]
    if person:
        cookie = sign_in_cookie(person, here.settings.access, here.links.keys, secure=True)
        cookies.append(cookie.partition(";")[0])
    headers = {"cookie": "; ".join(cookies), **more.pop("headers", {})}
    body = b""
    if "fields" in more:
        bare = func.HttpRequest(method, BASE, headers=headers, body=b"")
        token, _ = csrf.issue(here.links.keys, bare, more.pop("csrf_person", person or ""))
        body = urlencode({csrf.FIELD: token, **more.pop("fields")}).encode()
        headers["content-type"] = "application/x-www-form-urlencoded"
    names = {"approvals": "id", "runs": "id", "batches": "id", "static": "file"}
    parts = path.strip("/").split("/")
    route = {names[parts[0]]: parts[1]} if len(parts) > 1 and parts[0] in names else {}
    return func.HttpRequest(
        method,
        BASE + path + (f"?{query}" if query else ""),
        headers=headers,
        params=params,
        route_params=route,
        body=body,
    )


async def get(builder: Any, path: str, person: str | None = ANN, **more: Any) -> func.HttpResponse:
    """The answer of a page; `client` where it needs one."""
    client = {"client": more.pop("client")} if "client" in more else {}
    return await _handler(builder)(req=request(path, person, **more), **client)


def text(answer: func.HttpResponse) -> str:
    """The page."""
    return answer.get_body().decode()


def hostile_approval(here: Services) -> str:
    """An approval whose every text is an attack."""
    fields = dict.fromkeys(
        ("number", "seller", "buyer", "order_reference", "currency", "seller_vat_id"), HOSTILE
    )
    found = [finding(HOSTILE[:40], "fatal", HOSTILE, "settle")]
    attack = row(name=HOSTILE, invoice=invoice(**fields), findings=found)
    return put_approval(here.blobs, attack, content=b"no invoice", sender=CARLA)


PAGES = [
    (pages_inbox.page_inbox, "/inbox"),
    (pages_outbox.page_outbox, "/outbox"),
    (pages_sign_in.page_sign_in, "/sign-in"),
]


@pytest.mark.parametrize(("builder", "path"), PAGES, ids=[path for _, path in PAGES])
async def test_every_page_has_the_headers_that_protect_it(here: Services, builder: Any, path: str) -> None:
    """No script, no frame, no foreign source, no cache, no referrer."""
    answer = await get(builder, path)
    policy = answer.headers["Content-Security-Policy"]
    assert answer.status_code == 200
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_pages_hold_no_inline_script_or_style(here: Services) -> None:
    """The policy would refuse them, so a page must not need them."""
    approval = hostile_approval(here)
    client = Client(status(approval, historyEvents=[]))
    pages = [
        await get(pages_inbox.page_inbox, "/inbox"),
        await get(pages_approval.page_approval, f"/approvals/{approval}"),
        await get(pages_runs.page_run, f"/runs/{approval}", client=client),
        await get(pages_runs.page_runs, "/runs", client=client),
        await get(pages_batches.page_batches, "/batches", client=client),
    ]
    for page in map(text, pages):
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=", re.sub(r"&[a-z#0-9]+;", "", page))


async def test_hostile_texts_stay_texts(here: Services) -> None:
    """Markup, template code and direction overrides in every field of an invoice."""
    approval = hostile_approval(here)
    for page in (
        text(await get(pages_inbox.page_inbox, "/inbox")),
        text(await get(pages_approval.page_approval, f"/approvals/{approval}")),
    ):
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "{{7*7}}" in page
        assert "\u202e" not in page
        assert "W" * 2100 not in page


async def test_hostile_histories_stay_texts(here: Services) -> None:
    """Names of events come from callers, failures from anywhere."""
    events = [
        {"EventType": "ExecutionStarted", "Timestamp": "2026-05-04T12:00:00Z"},
        {"EventType": "EventRaised", "Timestamp": "2026-05-04T12:00:01Z", "Name": HOSTILE, "Input": HOSTILE},
    ]
    one = status(
        "x", historyEvents=events, runtime_status=Runtime.Failed, output=HOSTILE, custom_status={"a": HOSTILE}
    )
    page = text(await get(pages_runs.page_run, "/runs/x", client=Client(one)))
    assert "<script>" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page


async def test_who_is_not_signed_in_is_asked_who_they_are(here: Services) -> None:
    """And comes back to where they wanted to."""
    answer = await get(pages_inbox.page_inbox, "/inbox?stage=clerk", person=None)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in?next=%2Finbox%3Fstage%3Dclerk"


async def test_without_the_development_sign_in_nobody_gets_in(here: Services) -> None:
    """A server without Easy Auth shows pages to holders of links only."""
    closed = replace(
        here.settings, access=replace(here.settings.access, dev_sign_in=False, development=False)
    )
    with services.replaced_by(replace(here, settings=closed)):
        answer = await _handler(pages_inbox.page_inbox)(
            req=func.HttpRequest("GET", f"{BASE}/inbox", body=b"")
        )
        assert answer.status_code == 401
        for builder in (pages_sign_in.page_sign_in, pages_outbox.page_outbox):
            refused = await _handler(builder)(req=func.HttpRequest("GET", f"{BASE}/x", body=b""))
            assert refused.status_code == 404


async def test_signing_in_by_ones_word(here: Services) -> None:
    """The cookie names the person; the way on leads nowhere else."""
    fields = {"person": ANN, "next": "//evil.example/"}
    answer = await get(pages_sign_in.do_sign_in, "/sign-in", person=None, method="POST", fields=fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/inbox")
    assert "settle_person" in parse_cookie(answer.headers["Set-Cookie"].partition(";")[0])
    bad = await get(pages_sign_in.do_sign_in, "/sign-in", person=None, method="POST", fields={"other": "me"})
    assert bad.status_code == 422
    assert "not an e-mail address" in text(bad)


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "inbox",
        '/a"b',
        "/a\nb",
    ],
)
def test_only_own_paths_are_gone_on_to(onward: str) -> None:
    """A link to the sign-in page must not lead away from here."""
    assert pages_sign_in.own_path(onward, "/inbox") == "/inbox"


def test_own_paths_with_queries_are_kept() -> None:
    """A person who followed a deep link arrives there."""
    assert pages_sign_in.own_path("/approvals/a1?done=3", "/inbox") == "/approvals/a1?done=3"


async def test_a_form_without_its_token_does_nothing(here: Services) -> None:
    """Neither without a token, nor with one that was made for somebody else."""
    approval = put_approval(here.blobs, row())
    client = Client(status(approval))
    bare = request(
        f"/approvals/{approval}", method="POST", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    refused = await _handler(pages_approval.decide_on_page)(req=bare, client=client)
    other = await get(
        pages_approval.decide_on_page,
        f"/approvals/{approval}",
        method="POST",
        fields={"decision": "approve", "stage": "clerk"},
        csrf_person=BOB,
        client=client,
    )
    assert (refused.status_code, other.status_code) == (403, 403)
    assert len(approvals.read(here.blobs, approval).entries) == 2


def decision(here: Services, approval: str, kind: str, **more: str) -> dict[str, str]:
    """The fields of the form on an approval's page."""
    sha256 = approvals.read(here.blobs, approval).request["document"]["sha256"]
    return {"decision": kind, "stage": "clerk", "sha256": sha256, "comment": "", **more}


async def decide(
    here: Services, approval: str, client: Client, person: str = ANN, **fields: str
) -> func.HttpResponse:
    """Send the form."""
    path = f"/approvals/{approval}"
    return await get(pages_approval.decide_on_page, path, person, method="POST", fields=fields, client=client)


async def test_approve_on_the_page(here: Services) -> None:
    """The ledger has it, the workflow is woken, and the next page says what was done."""
    approval = put_approval(here.blobs, row())
    custom = {"stage": "clerk", "attempt": 1, "seen": 2}
    client = Client(status(approval, custom_status=custom))
    answer = await decide(here, approval, client, **decision(here, approval, "approve"))
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/approvals/{approval}?done=3")
    assert approvals.read(here.blobs, approval).outcome == "approved"
    assert (approval, "decision.clerk.1") in client.raised
    shown = text(await get(pages_approval.page_approval, f"/approvals/{approval}?done=3"))
    assert "You approved this invoice." in shown
    assert 'value="approve"' not in shown
    assert "You approved" not in text(
        await get(pages_approval.page_approval, f"/approvals/{approval}?done=3", BOB)
    )


async def test_a_refusal_shows_the_page_again_with_what_was_written(here: Services) -> None:
    """A question without words, a second decision, somebody else's turn."""
    approval = put_approval(here.blobs, row(), sender=CARLA)
    client = Client(status(approval))
    wordless = await decide(here, approval, client, **decision(here, approval, "ask"))
    assert (wordless.status_code, "Please write your question" in text(wordless)) == (400, True)
    stranger = await decide(
        here, approval, client, CARLA, **decision(here, approval, "approve", comment="Let me!")
    )
    assert stranger.status_code == 403
    assert "You are not one of the approvers of this stage." in text(stranger)
    assert (await decide(here, approval, client, **decision(here, approval, "approve"))).status_code == 303
    again = await decide(here, approval, client, BOB, **decision(here, approval, "reject", comment="No!"))
    assert (again.status_code, "This was decided before" in text(again)) == (409, True)


async def test_looking_decides_nothing(here: Services) -> None:
    """Not with GET, not with HEAD, not with the words of the form in the address."""
    approval = put_approval(here.blobs, row())
    for method in ("GET", "HEAD"):
        path = f"/approvals/{approval}?decision=approve&stage=clerk"
        assert (await get(pages_approval.page_approval, path, method=method)).status_code == 200
    assert len(approvals.read(here.blobs, approval).entries) == 2


def link(here: Services, approval: str, *, hours: int = 1, person: str = ANN) -> str:
    """The token of a link that was sent to somebody."""
    sha256 = approvals.read(here.blobs, approval).request["document"]["sha256"]
    expires = datetime.now(UTC) + timedelta(hours=hours)
    return here.links.sign(approval, "clerk", person, sha256, expires=expires)


async def test_a_link_opens_one_invoice_and_no_other_page(here: Services) -> None:
    """Its holder sees no menu, and the inbox asks them to sign in."""
    approval, other = put_approval(here.blobs, row(1)), put_approval(here.blobs, row(2))
    token = link(here, approval)
    shown = text(await get(pages_approval.page_approval, f"/approvals/{approval}?t={token}", person=None))
    assert 'value="approve"' in shown
    assert ANN in shown
    assert 'href="/inbox"' not in shown
    foreign = await get(pages_approval.page_approval, f"/approvals/{other}?t={token}", person=None)
    assert (foreign.status_code, "This link is for something else" in text(foreign)) == (403, True)
    inbox = await get(pages_inbox.page_inbox, f"/inbox?t={token}", person=None)
    assert inbox.status_code == 303


async def test_links_that_are_over_say_so(here: Services) -> None:
    """Expired, altered, and used ones, each in plain words."""
    approval = put_approval(here.blobs, row())
    old = await get(
        pages_approval.page_approval, f"/approvals/{approval}?t={link(here, approval, hours=-1)}", person=None
    )
    assert (old.status_code, "no longer valid" in text(old)) == (410, True)
    altered = await get(
        pages_approval.page_approval, f"/approvals/{approval}?t=x{link(here, approval)}", person=None
    )
    assert (altered.status_code, "changed on the way" in text(altered)) == (403, True)
    assert f'href="/approvals/{approval}"' in text(altered)


async def test_a_decision_by_link_needs_no_sign_in(here: Services) -> None:
    """And afterwards the same link shows that it was used."""
    approval = put_approval(here.blobs, row())
    token, client = link(here, approval), Client(status(approval))
    fields = decision(here, approval, "reject", comment="Not ours.", t=token)
    path = f"/approvals/{approval}"
    answer = await get(
        pages_approval.decide_on_page,
        path,
        None,
        method="POST",
        fields=fields,
        csrf_person=ANN,
        client=client,
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}?done=3&t={token}")
    entry = approvals.read(here.blobs, approval).entries[2]
    assert (entry.kind, entry.who, entry.via, entry.comment) == ("reject", ANN, "link", "Not ours.")
    again = await get(
        pages_approval.decide_on_page,
        path,
        None,
        method="POST",
        fields=fields,
        csrf_person=ANN,
        client=client,
    )
    assert again.status_code == 409


async def test_a_replaced_document_cannot_be_approved(here: Services) -> None:
    """The page says so, and offers no button for it."""
    approval = put_approval(here.blobs, row(), content=ubl())
    ref = approvals.read(here.blobs, approval).request["ref"]
    here.blobs.write(f"invoices/{ref}/document", ubl() + b" ")
    shown = text(await get(pages_approval.page_approval, f"/approvals/{approval}"))
    assert "The document was replaced" in shown
    assert 'value="approve"' not in shown
    assert 'value="reject"' in shown


async def test_the_invoice_is_shown_with_its_lines(here: Services) -> None:
    """Read from the document itself; the result of the check has no lines."""
    approval = put_approval(here.blobs, row(), content=ubl())
    shown = text(await get(pages_approval.page_approval, f"/approvals/{approval}"))
    assert 'aria-label="Lines"' in shown
    assert "To pay" in shown


@pytest.mark.parametrize(
    ("content", "kind", "way"),
    [
        (b"%PDF-1.7 x", "application/pdf", "inline"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><x/>", "text/plain; charset=utf-8", "inline"),
        (b"<html><script>alert(1)</script>", "text/plain; charset=utf-8", "inline"),
        (b"MZ\x90", "application/octet-stream", "attachment"),
    ],
)
async def test_the_document_opens_as_something_that_runs_nothing(
    here: Services, content: bytes, kind: str, way: str
) -> None:
    """A PDF as it looks, XML and HTML as text, anything else to be saved."""
    approval = put_approval(here.blobs, row(name='a/"quoted"\r\n.xml'), content=content)
    answer = await get(pages_approval.page_approval_document, f"/approvals/{approval}")
    assert answer.get_body() == content
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Content-Disposition"] == f"{way}; filename*=UTF-8''%22quoted%22%0D%0A.xml"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    saved = await get(pages_approval.page_approval_document, f"/approvals/{approval}?save=1")
    assert saved.headers["Content-Disposition"].startswith("attachment")


async def test_the_outbox_keeps_links_on_this_host(here: Services) -> None:
    """The address that the app thinks it has may not be the one that the browser is at."""
    for n, address in enumerate(
        (f"{BASE}/approvals/a1?t=x.y-z_", "javascript:alert(1)", "https://evil.example/x")
    ):
        message = Message(f"n{n}", ANN, "Ann", HOSTILE, HOSTILE, "<p>", address)
        outbox.put(here.blobs, message, "request", "a1", datetime.now(UTC))
    shown = text(await get(pages_outbox.page_outbox, "/outbox"))
    assert re.findall(r'class="button" href="([^"]+)"', shown) == ["/approvals/a1?t=x.y-z_"]
    assert "<script>" not in shown


async def test_static_files_are_kept_for_good_under_their_version(here: Services) -> None:
    """And not under another one; what is not there is not there."""
    path, _, query = static_url("settle.css").partition("?")
    current = await get(pages_sign_in.page_static, f"{path}?{query}")
    assert "immutable" in current.headers["Cache-Control"]
    assert current.headers["Content-Type"].startswith("text/css")
    assert (await get(pages_sign_in.page_static, f"{path}?v=old")).headers["Cache-Control"] == "no-cache"
    for name in ("x.css", "..%2Frendering.py", "base.html"):
        assert (await get(pages_sign_in.page_static, f"/static/{name}")).status_code == 404


async def test_storage_that_is_away_is_said_in_plain_words(here: Services) -> None:
    """With a page, and when to come again."""
    _ = here.links
    cast(MemoryBlobs, here.blobs).go_away()
    answer = await get(pages_inbox.page_inbox, "/inbox")
    assert answer.status_code == 503
    assert "Nothing is lost" in text(answer)
    assert answer.headers["Retry-After"]


async def test_what_is_not_there(here: Services) -> None:
    """Approvals, runs and batches that nobody made."""
    client = Client()
    for builder, path in (
        (pages_approval.page_approval, "/approvals/a" + "0" * 24),
        (pages_approval.page_approval, "/approvals/..%2F"),
    ):
        assert (await get(builder, path)).status_code == 404
    for builder, path in (
        (pages_runs.page_run, "/runs/" + "x" * 500),
        (pages_batches.page_batch, "/batches/b" + "0" * 24),
        (pages_batches.page_batch, "/batches/nonsense"),
    ):
        assert (await get(builder, path, client=client)).status_code == 404

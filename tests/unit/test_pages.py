"""The handlers of the pages, on blobs in memory: who may see what, hostile texts, forms, and headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import azure.functions as func
import pytest
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime
from werkzeug.http import parse_cookie

from adapters import services
from adapters.services import Services
from invoicing.records.messages import Message, MessageItem
from stores import outbox
from stores.ledgers import Ledger
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.approvals_on_paper import ANN, BOB, CARLA, put_approval
from tests.unit.page_requests import BASE, Client, get, handler, local_run, request, status, text
from tests.unit.report_rows import finding, invoice, row
from triggers import pages_approval, pages_batches, pages_inbox, pages_outbox, pages_runs, pages_sign_in
from usecases.approval_view import read_approval
from usecases.rights import Rights
from usecases.telling import tell
from web.rendering import static_url

#: What strangers may write into any field of an invoice.
HOSTILE = "<script>alert(1)</script>\"'&\u202egpj.exe{{7*7}}" + "W" * 3000


@pytest.fixture
def here() -> Iterator[Services]:
    """A local run with nothing in it."""
    with local_run() as made:
        yield made


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
    """No script, no frame, no foreign source, no cache, no referrer to other sites."""
    answer = await get(builder, path)
    policy = answer.headers["Content-Security-Policy"]
    assert answer.status_code == 200
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"


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
        answer = await handler(pages_inbox.page_inbox)(req=func.HttpRequest("GET", f"{BASE}/inbox", body=b""))
        assert answer.status_code == 401
        for builder in (pages_sign_in.page_sign_in, pages_outbox.page_outbox):
            refused = await handler(builder)(req=func.HttpRequest("GET", f"{BASE}/x", body=b""))
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
    refused = await handler(pages_approval.decide_on_page)(req=bare, client=client)
    other = await get(
        pages_approval.decide_on_page,
        f"/approvals/{approval}",
        method="POST",
        fields={"decision": "approve", "stage": "clerk"},
        csrf_person=BOB,
        client=client,
    )
    assert (refused.status_code, other.status_code) == (403, 403)
    assert len(read_approval(here.blobs, approval).entries) == 2


async def test_the_outbox_keeps_links_on_this_host(here: Services) -> None:
    """The address that the app thinks it has may not be the one that the browser is at."""
    for n, address in enumerate(
        (f"{BASE}/approvals/a1?t=x.y-z_", "javascript:alert(1)", "https://evil.example/x")
    ):
        items = (MessageItem("a1", "request", HOSTILE, address),)
        message = Message(f"n{n}", ANN, "Ann", HOSTILE, HOSTILE, "<p>", address, items)
        outbox.put(here.blobs, message, datetime.now(UTC))
    shown = text(await get(pages_outbox.page_outbox, "/outbox"))
    assert re.findall(r'class="button" href="([^"]+)"', shown) == ["/approvals/a1?t=x.y-z_"]
    assert "<script>" not in shown


async def test_the_outbox_shows_each_link_of_a_digest(here: Services) -> None:
    """One for each invoice; the message itself leads to the inbox."""
    items = tuple(MessageItem(f"a{n}", "request", HOSTILE, f"{BASE}/approvals/a{n}?t=x") for n in (1, 2))
    message = Message("d", ANN, "Ann", "2 invoices wait for you", "", "", f"{BASE}/inbox", items)
    outbox.put(here.blobs, message, datetime.now(UTC))
    shown = text(await get(pages_outbox.page_outbox, "/outbox"))
    assert re.findall(r'href="(/approvals/[^"]+)"', shown) == ["/approvals/a1?t=x", "/approvals/a2?t=x"]
    assert "2 links" in shown
    assert "<script>" not in shown


async def test_the_outbox_says_what_goes_out_when(here: Services) -> None:
    """So that it does not look empty while messages are gathered; the first page says it, and no other."""
    approval = hostile_approval(here)
    tell(here, Ledger.read(here.blobs, approval), 0, Rights(None, {}))
    shown = text(await get(pages_outbox.page_outbox, "/outbox"))
    assert re.search(r"1 message to <bdi>Ann Roth</bdi>, goes out on <time", shown)
    assert "No messages." not in shown
    page = text(await get(pages_approval.page_approval, f"/approvals/{approval}"))
    assert "The message to Ann Roth goes out on" in page


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


# ---------------------------------------------------------------- odd addresses and forms


@pytest.mark.parametrize(
    "query",
    [
        "before=0001-01-01",
        "before=0001-01-01T00:00:00+14:00",
        "before=9999-12-31T23:59:59-14:00",
        "before=x",
        "id=a/b",
        "id=..",
        "id=a?b",
        "status=x",
    ],
)
async def test_list_of_runs_takes_any_address(here: Services, query: str) -> None:
    """At the edges of time there is nothing to count back to; an id that none can be finds nothing."""
    answer = await get(pages_runs.page_runs, f"/runs?{query}", client=Client(status("a" * 25)))
    assert answer.status_code == 200


async def test_id_that_none_can_be_is_not_asked_for(here: Services) -> None:
    """The SDK puts it into an address as it is: `x?code=` or `..` would ask for something else."""

    class Asked(Client):
        async def get_status(self, instance_id: str, *_: Any, **__: Any) -> Any:
            raise AssertionError(f"asked for {instance_id}")

    for instance in ("..", ".", "a?b", "a#b", "a%b", "a\\b", "a&b", "a b", "x" * 201):
        headers = dict(request("/runs/x").headers)
        req = func.HttpRequest("GET", BASE, headers=headers, route_params={"id": instance}, body=b"")
        answer = await handler(pages_runs.page_run)(req=req, client=Asked())
        assert answer.status_code == 404, instance


@pytest.mark.parametrize("page", ["9" * 5000, "0", "-1", "x", "99999"])
async def test_page_of_the_inbox_that_there_is_not_is_the_first_or_the_last(
    here: Services, page: str
) -> None:
    """Nobody gets an error for an address that was cut or made up."""
    assert (await get(pages_inbox.page_inbox, f"/inbox?page={page}")).status_code == 200


async def test_amount_with_a_gigabyte_of_digits_is_no_amount(here: Services) -> None:
    """The inbox writes the filter's amounts out again."""
    answer = await get(pages_inbox.page_inbox, "/inbox?least=1e999999999")
    assert answer.status_code == 200
    assert "is no number" in text(answer)


@pytest.mark.parametrize("fields", [{"person": "a\x00b"}, {"x" * 101: "1"}, {"person": "x" * 100_001}])
async def test_form_with_what_no_form_holds_is_refused(here: Services, fields: dict[str, str]) -> None:
    """Before anything is done with it."""
    answer = await get(pages_sign_in.do_sign_in, "/sign-in", None, method="POST", fields=fields)
    assert answer.status_code == 400

"""The page of one approval: who may decide there, what a refusal says, links, and the document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import azure.functions as func
import pytest

from adapters.services import Services
from tests.unit.approvals_on_paper import ANN, BOB, CARLA, put_approval
from tests.unit.invoice_documents import ubl
from tests.unit.looked_up import put_lookups
from tests.unit.page_requests import Client, administrators, get, local_run, status, text
from tests.unit.report_rows import row
from triggers import pages_approval, pages_inbox, pages_runs, pages_stuck
from usecases.approval_view import read_approval


@pytest.fixture
def here() -> Iterator[Services]:
    """A local run with nothing in it."""
    with local_run() as made:
        yield made


def decision(here: Services, approval: str, kind: str, **more: str) -> dict[str, str]:
    """The fields of the form on an approval's page."""
    sha256 = read_approval(here.blobs, approval).request.document.sha256
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
    assert read_approval(here.blobs, approval).outcome == "approved"
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
    assert len(read_approval(here.blobs, approval).entries) == 2


def link(here: Services, approval: str, *, hours: int = 1, person: str = ANN) -> str:
    """The token of a link that was sent to somebody."""
    sha256 = read_approval(here.blobs, approval).request.document.sha256
    expires = datetime.now(UTC) + timedelta(hours=hours)
    return here.links.sign(approval, "clerk", person, sha256, expires=expires)


async def test_only_an_administrator_may_give_it_to_somebody_else(here: Services) -> None:
    """And sees the form; where the policy names nobody, nobody does."""
    approval = put_approval(here.blobs, row())
    path = f"/approvals/{approval}"
    assert "/reassign" not in text(await get(pages_approval.page_approval, path))
    fields = {"to": "eva.stein@example.com", "reason": "Dan has left"}
    with administrators(ANN):
        assert "/reassign" in text(await get(pages_approval.page_approval, path))
        assert "/reassign" not in text(await get(pages_approval.page_approval, path, person=BOB))
        post = partial(get, pages_approval.reassign_on_page, f"{path}/reassign", method="POST")
        refused = await post(person=BOB, fields=fields, client=Client(status(approval)))
        assert (refused.status_code, "Only the administrators" in text(refused)) == (403, True)
        done = await post(fields=fields, client=Client(status(approval)))
        assert (done.status_code, done.headers["Location"]) == (303, path)
    shown = text(await get(pages_approval.page_approval, path))
    assert "gave the stage clerk to Eva Stein as well" in shown


async def test_only_its_sender_and_administrators_may_withdraw_it(here: Services) -> None:
    """Who approves it rejects it instead."""
    approval = put_approval(here.blobs, row(), sender=CARLA)
    path = f"/approvals/{approval}"
    assert "/withdraw" not in text(await get(pages_approval.page_approval, path, person=ANN))
    assert "/withdraw" in text(await get(pages_approval.page_approval, path, person=CARLA))
    post = partial(get, pages_approval.withdraw_on_page, f"{path}/withdraw", method="POST")
    refused = await post(fields={"why": "x"}, client=Client(status(approval)))
    assert (refused.status_code, "Only who sent the invoice in" in text(refused)) == (403, True)


async def test_runs_are_for_the_administrators_whom_the_policy_names(here: Services) -> None:
    """They show what went in and out; and whoever closes a run gives up an approval."""
    client = Client(status("a" * 25))
    asked = [
        partial(get, pages_runs.page_runs, "/runs"),
        partial(get, pages_runs.page_run, "/runs/" + "a" * 25),
        partial(get, pages_stuck.page_close, "/runs/x/close", method="POST", fields={"reason": "x"}),
        partial(get, pages_runs.restart_run, "/runs/x/restart", method="POST", fields={}),
    ]
    with administrators(BOB):
        for ask in asked:
            assert (await ask(client=client)).status_code == 403
        assert (await asked[0](person=BOB, client=client)).status_code == 200
    assert (await asked[0](client=client)).status_code == 200


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
    entry = read_approval(here.blobs, approval).entries[2]
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
    ref = read_approval(here.blobs, approval).request.ref
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


async def test_what_was_looked_up_elsewhere_is_shown(here: Services) -> None:
    """Rate and day; what each service said of the supplier, and nothing of a stranger's as markup."""
    approval = put_approval(here.blobs, row(), opened=False)
    put_lookups(here.blobs, approval)
    shown = text(await get(pages_approval.page_approval, f"/approvals/{approval}"))
    assert "99.99 EUR (1 EUR = 1.0412 EUR on 1 May 2026, www.ecb.europa.eu)" in shown
    assert "knows the supplier, as “&lt;b&gt;ACNE&lt;/b&gt; GmbH”, which is another name (4 May 2026" in shown
    assert "could not be asked: HTTP 503 (4 May 2026" in shown
    assert "no answer in time" in shown

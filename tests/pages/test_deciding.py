"""People decide on pages: in the inbox, by the link in a mail, and without JavaScript."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from devtools import host, ports
from devtools.project import Project
from tests.e2e import calls
from tests.e2e.approvals import SENDER, Api, invoice, until
from tests.fakes.mail_server import MailServer
from tests.pages.conftest import ANN, BOB, DESKTOP, PHONE, Open, Page, picture


def _approve_from_inbox(page: Page, number: str) -> None:
    """Look for the invoice in the inbox, open it, approve it."""
    page.goto("/inbox")
    page.get_by_label("Supplier or number").fill(number)
    page.get_by_role("button", name="Show").click()
    page.locator("tr", has_text=number).get_by_role("link").first.click()
    page.get_by_label("Comment").fill("Delivered and complete.")
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url("**done=*")


def test_a_click_on_approve_ends_an_invoice(open_page: Open, api: Api) -> None:
    """From the inbox to booked; the page thanks, the inbox forgets it, the history names who did it."""
    number = f"P-{uuid.uuid4().hex[:12]}"
    waiting = api.waiting(invoice(number=number))
    page = open_page()
    _approve_from_inbox(page, number)
    assert page.get_by_role("status").inner_text().startswith("You approved this invoice.")
    picture(page, "flow-approved")
    end = api.ended(waiting.invoice)
    assert (end["status"], end["by"]) == ("booked", ANN)
    page.goto(f"/approvals/{waiting.approval}")
    assert "Ann Roth approved" in page.get_by_role("region", name="History").inner_text()
    assert page.get_by_role("button", name="Approve").count() == 0
    page.goto(f"/inbox?supplier={number}")
    assert "No invoice fits this filter" in page.inner_text("main") or "All done" in page.inner_text("main")
    page.goto(f"/runs/{waiting.invoice}")
    picture(page, "flow-run-of-invoice")
    assert page.get_by_text("booked", exact=True).count() >= 1
    assert page.told == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_pages_work_without_javascript(open_page: Open, api: Api, viewport: dict[str, int]) -> None:
    """Sign in, filter, open, decide: forms and links are enough."""
    number = f"P-{uuid.uuid4().hex[:12]}"
    waiting = api.waiting(invoice(number=number))
    page = open_page(java_script_enabled=False, viewport=viewport)
    _approve_from_inbox(page, number)
    assert api.ended(waiting.invoice)["status"] == "booked"


def test_a_rejection_needs_a_reason(open_page: Open, api: Api) -> None:
    """Without one the page comes back, the cursor where it belongs; with one the invoice ends unpaid."""
    waiting = api.waiting(invoice())
    page = open_page(BOB)
    page.goto(f"/approvals/{waiting.approval}")
    page.get_by_role("button", name="Reject").click()
    assert "Please write the reason" in page.get_by_role("alert").inner_text()
    picture(page, "flow-refused")
    assert page.evaluate("document.activeElement.id") == "comment"
    page.get_by_label("Comment").fill("Never ordered.")
    page.get_by_role("button", name="Reject").click()
    page.wait_for_url("**done=*")
    assert api.ended(waiting.invoice)["status"] == "rejected"


def test_two_approvers_at_the_same_time(open_page: Open, api: Api) -> None:
    """Both have the page open; the second is told that it is over."""
    waiting = api.waiting(invoice())
    first, second = open_page(ANN), open_page(BOB)
    for page in (first, second):
        page.goto(f"/approvals/{waiting.approval}")
    first.get_by_role("button", name="Approve").click()
    first.wait_for_url("**done=*")
    second.get_by_role("button", name="Approve").click()
    assert "This was decided before" in second.get_by_role("alert").inner_text()


def test_a_question_goes_to_the_sender_and_its_answer_comes_back(open_page: Open, api: Api) -> None:
    """By the links of the messages; then the approver sees question and answer."""
    waiting = api.waiting(invoice())
    page = open_page(None)
    page.goto(f"/approvals/{waiting.approval}?t={waiting.token(ANN)}")
    page.get_by_label("Comment").fill("Which delivery is this?")
    page.get_by_role("button", name="Ask the sender").click()
    page.wait_for_url("**done=*")
    page.goto(f"/approvals/{waiting.approval}?t={waiting.token(SENDER, 'question')}")
    assert "Which delivery is this?" in page.inner_text("main")
    picture(page, "flow-question")
    page.get_by_label("Comment").fill("The one of Monday.")
    page.get_by_role("button", name="Send the answer").click()
    page.wait_for_url("**done=*")
    page.goto(f"/approvals/{waiting.approval}?t={waiting.token(ANN, 'answer')}")
    assert "The one of Monday." in page.get_by_role("region", name="History").inner_text()
    page.get_by_role("button", name="Approve").click()
    assert api.ended(waiting.invoice)["status"] == "booked"


def test_a_message_in_the_outbox_leads_to_the_decision(open_page: Open, api: Api) -> None:
    """Where nothing is mailed, the outbox has the link."""
    number = f"P-{uuid.uuid4().hex[:12]}"
    waiting = api.waiting(invoice(number=number))
    waiting.token(BOB)
    page = open_page(ANN)
    page.goto("/outbox")
    message = page.locator("article", has_text=number).filter(has_text=BOB)
    message.get_by_role("link", name="See the invoice and decide").click()
    assert BOB in page.inner_text("header")
    page.get_by_role("button", name="Approve").click()
    assert api.ended(waiting.invoice)["by"] == BOB


# ---------------------------------------------------------------- by mail


@pytest.fixture(scope="module")
def mail_server() -> Iterator[MailServer]:
    """A mail server that keeps what it gets."""
    with MailServer() as server:
        yield server


@pytest.fixture(scope="module")
def mailing_api(
    storage: str | None, mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """A host of its own that sends its messages to that server."""
    if not storage:
        pytest.skip("the host is somebody else's: its mail cannot be caught here")
    [port] = ports.choose([0])
    variables = {
        "SETTLE_CONTAINER": f"mail-{uuid.uuid4().hex[:12]}",
        "SETTLE_DIGEST_SECONDS": "1",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "SETTLE_SMTP_URL": f"smtp://127.0.0.1:{mail_server.port}",
        "SETTLE_MAIL_FROM": "settle@example.com",
        "SETTLE_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    project = Project(Project.here().root, tmp_path_factory.mktemp("mailing"))
    options = host.HostOptions("embedded", port, storage, strict_port=True, auth=True, variables=variables)
    with host.start(project, options) as running:
        calls.use_key(running.url, running.key)
        yield Api(running.url)


def test_the_link_in_a_mail_ends_an_invoice(browser: Any, mailing_api: Api, mail_server: MailServer) -> None:
    """Caught by a local SMTP server; no sign-in is needed, and the link decides once only."""
    number = f"P-{uuid.uuid4().hex[:12]}"
    name = mailing_api.send(invoice(number=number))

    def mail() -> str | None:
        for message, to in zip(mail_server.received, mail_server.recipients, strict=False):
            text = message.get_body(("plain",))
            if to == [ANN] and text and number in text.get_content():
                return text.get_content()
        return None

    found = re.search(rf"{re.escape(mailing_api.base)}/approvals/\S+", until(mail))
    assert found, "the mail has no link"
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.goto(found[0])
    picture(page, "flow-link-of-mail")
    assert mailing_api.get(f"invoices/{name}").status_code == 202, "looking decided something"
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url("**done=*")
    picture(page, "flow-link-of-mail-approved")
    assert mailing_api.ended(name)["by"] == ANN
    page.goto(found[0])
    assert page.get_by_role("button", name="Approve").count() == 0
    assert "Approved" in page.inner_text("main")
    context.close()

"""The page of the mailbox, its button, and what the health check says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters import services
from adapters.mailbox import MailboxAway, MailboxError, MailboxRefused
from adapters.mailbox_settings import read_mailbox
from adapters.services import Services
from invoicing.records.base import BatchId, Person
from invoicing.records.mails import LeftOut, MailRecord
from stores import mails
from tests.unit.page_requests import get, local_run, text
from triggers import health, pages_mailbox
from usecases import mailbox

SETTINGS = {
    "SETTLE_MAILBOX_HOST": "imap.example.com",
    "SETTLE_MAILBOX_USER": "invoices@example.com",
    "SETTLE_MAILBOX_PASSWORD": "a secret",
    "SETTLE_MAILBOX_SENDERS": "@supplier.example",
}


@pytest.fixture
def here() -> Iterator[Services]:
    """A local run that watches a mailbox, which was not looked at yet."""
    with local_run() as made:
        watched = replace(made, settings=replace(made.settings, mailbox=read_mailbox(SETTINGS)))
        with services.replaced_by(watched):
            yield watched


def trouble(here: Services, error: MailboxError) -> None:
    """The server is not as it should be."""
    assert here.settings.mailbox
    mailbox.note_trouble(here, here.settings.mailbox, error)


def came(here: Services, number: int, **values: Any) -> MailRecord:
    """A mail came."""
    known: dict[str, Any] = {
        "id": f"m{number:024x}",
        "place": "p",
        "validity": 1,
        "uid": number,
        "noted": here.clock() + timedelta(seconds=number),
        "sender": Person("sue@supplier.example"),
        "subject": f"Invoice {number}",
    }
    record = mails.note(here.blobs, MailRecord(**known))
    return mails.keep(here.blobs, record.changed(**values))


async def shown(query: str = "") -> str:
    """The page."""
    answer = await get(pages_mailbox.page_mailbox, f"/mailbox{query}")
    assert answer.status_code == 200
    return text(answer)


async def test_without_the_settings_the_page_says_so() -> None:
    """Nobody has to guess."""
    with local_run():
        assert "No setting names a mailbox" in await shown()


async def test_folder_that_was_not_looked_at_yet(here: Services) -> None:
    """In the first minute."""
    page = await shown()
    assert "was not looked at yet" in page
    assert "No mails." in page
    assert "a secret" not in page


async def test_mails_are_shown_with_outcome_reason_and_batch(here: Services) -> None:
    """The newest first; words of strangers make no elements."""
    came(here, 1, outcome="batch", batch=BatchId("b" + "1" * 24), files=2, moved="Settle/Done")
    left = LeftOut(name="<b>winmail.dat</b>", why="Outlook packed the attachments into it.")
    came(here, 2, outcome="no_invoices", reason="It has no attachment.", left_out=(left,))
    came(
        here,
        3,
        outcome="refused",
        sender=None,
        shown_sender="<script>",
        code="no_sender",
        reason="No sender.",
    )
    came(here, 4)
    page = await shown()
    assert f'href="/batches/b{"1" * 24}"' in page
    assert (
        page.index("Invoice 4") < page.index("Invoice 3") < page.index("Invoice 2") < page.index("Invoice 1")
    )
    for words in ("taken", "2 files", "Settle/Done", "no invoices", "refused", "No sender.", "being taken"):
        assert words in page
    assert "<script>" not in page
    assert "<b>winmail" not in page
    assert "Outlook packed" in page


async def test_long_lists_have_pages(here: Services) -> None:
    """25 a page; a token that is not ours is refused."""
    for number in range(30):
        came(here, number)
    first = await shown()
    assert "Older mails" in first
    assert first.count("<tr>") == 26


async def test_refused_sign_in_has_a_reason_and_a_button(here: Services) -> None:
    """The button lets the next look try at once."""
    trouble(here, MailboxRefused("sign in: the server refuses the user or the password"))
    page = await shown()
    assert "not let in" in page
    assert "refuses the user or the password" in page
    assert 'action="/mailbox/try"' in page
    answer = await get(pages_mailbox.try_mailbox, "/mailbox/try", method="POST", fields={})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/mailbox?again=1")
    state = mails.state(here.blobs)
    assert state
    assert state.not_before is None
    assert 'action="/mailbox/try"' not in await shown("?again=1")


async def test_button_needs_the_token_of_its_form(here: Services) -> None:
    """Another site cannot press it."""
    trouble(here, MailboxRefused("no"))
    answer = await get(
        pages_mailbox.try_mailbox, "/mailbox/try", method="POST", fields={}, csrf_person="eve@example.com"
    )
    assert answer.status_code == 403
    state = mails.state(here.blobs)
    assert state
    assert state.not_before


async def test_page_wants_to_know_who_looks(here: Services) -> None:
    """Others are sent to sign in."""
    answer = await get(pages_mailbox.page_mailbox, "/mailbox", None)
    assert answer.status_code == 303


def test_health_says_what_is_wrong_with_the_mailbox(here: Services) -> None:
    """At once where it is refused, after ten minutes where it is away, after two hours where nobody looks."""
    mailbox.require_watched(here)
    trouble(here, MailboxRefused("no"))
    with pytest.raises(MailboxRefused):
        mailbox.require_watched(here)
    trouble(here, MailboxAway("no answer"))
    mailbox.require_watched(here)
    later = replace(here, clock=lambda: here.clock() + timedelta(minutes=11))
    with pytest.raises(MailboxAway, match="no answer"):
        mailbox.require_watched(later)
    state = mails.state(here.blobs)
    assert state
    mails.keep_state(here.blobs, state.changed(condition="watching"))
    mailbox.require_watched(later)
    with pytest.raises(MailboxAway, match="the last look was at"):
        mailbox.require_watched(replace(here, clock=lambda: here.clock() + timedelta(hours=3)))


def test_health_asks_only_where_a_setting_names_a_mailbox(here: Services) -> None:
    """Else there is no such check."""
    checks: dict[str, Any] = dict(health._optional())
    for probe in checks.values():
        probe.close()
    assert [*checks] == ["mailbox"]
    with local_run():
        assert health._optional() == {}


async def test_damaged_mail_costs_its_own_line(here: Services) -> None:
    """The others are shown."""
    came(here, 1)
    came(here, 2)
    here.blobs.write("mailbox/mails/m" + f"{1:024x}" + ".json", b"{")
    page = await shown()
    assert "1 mail of this list cannot be read" in page
    assert "Invoice 2" in page


def test_nothing_to_try_without_a_mailbox() -> None:
    """The button of an old page."""
    with local_run() as made:
        mailbox.try_again(made)
        assert mails.state(made.blobs) is None

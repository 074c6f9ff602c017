"""The answer to a mail: what it says, that it is one, and that machines can tell that a machine wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters import services
from adapters.channel_settings import SmtpServer
from adapters.mailbox_settings import read_mailbox
from adapters.services import Services
from invoicing.records.base import BatchId, Person
from invoicing.records.mailbox_steps import AnswerJob, AnswerTry
from invoicing.records.mails import LeftOut, MailAnswer, MailRecord
from stores import batch_names, mails
from tests.fakes.mail_server import MailServer
from tests.unit.page_requests import local_run
from usecases.answer_mail import look_for_report, send_answer

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SUE = Person("sue@supplier.example")
BATCH = BatchId("b" + "1" * 24)
SETTINGS = {
    "SETTLE_MAILBOX_HOST": "imap.example.com",
    "SETTLE_MAILBOX_USER": "invoices@example.com",
    "SETTLE_MAILBOX_PASSWORD": "a secret",
    "SETTLE_MAILBOX_SENDERS": "@supplier.example",
    "SETTLE_MAILBOX_ANSWER": "true",
    "SETTLE_MAILBOX_ANSWERS_A_DAY": "3",
}


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server that takes everything."""
    with MailServer() as made:
        yield made


@pytest.fixture
def here(server: MailServer) -> Iterator[Services]:
    """An app that answers."""
    with local_run() as made:
        channels = replace(
            made.settings.channels,
            smtp=SmtpServer("127.0.0.1", server.port, "none"),
            mail_from="Settle <settle@example.com>",
        )
        settings = replace(made.settings, mailbox=read_mailbox(SETTINGS), channels=channels)
        answering = replace(made, settings=settings, clock=lambda: NOW)
        with services.replaced_by(answering):
            yield answering


def came(here: Services, number: int = 1, **values: Any) -> AnswerTry:
    """A mail was taken in; returns the try to answer it."""
    record = MailRecord(
        id=f"m{number:024x}",
        place="p",
        validity=1,
        uid=number,
        noted=NOW,
        outcome="batch",
        sender=SUE,
        subject="Invoice 17",
        message_id="<17@supplier.example>",
        batch=BATCH,
        files=1,
    ).changed(**values)
    mails.note(here.blobs, record)
    return AnswerTry(mail=record.id, last=False)


def reported(here: Services) -> None:
    """The batch has its report."""
    for form in ("html", "csv"):
        here.blobs.write(batch_names.report(BATCH, form), f"the {form}".encode())


def test_report_goes_to_the_sender_as_an_answer(here: Services, server: MailServer) -> None:
    """With the headers by which machines know not to answer."""
    job = came(here, left_out=(LeftOut(name="winmail.dat", why="Outlook packed the attachments into it."),))
    reported(here)
    assert send_answer(here, job).outcome == "sent"
    (found,) = server.received
    assert server.recipients == [[SUE]]
    assert found["Subject"] == "Re: Invoice 17"
    assert found["Auto-Submitted"] == "auto-replied"
    assert found["In-Reply-To"] == found["References"] == "<17@supplier.example>"
    files = {part.get_filename(): part.get_content() for part in found.iter_attachments()}
    assert {name: str(content).strip() for name, content in files.items()} == {
        "report.html": "the html",
        "report.csv": "the csv",
    }
    body = found.get_body(("plain",))
    assert body
    assert "winmail.dat: Outlook packed" in body.get_content()


def test_mail_is_answered_once(here: Services, server: MailServer) -> None:
    """However often the step is repeated."""
    job = came(here)
    reported(here)
    assert [send_answer(here, job).outcome for _ in range(3)] == ["sent"] * 3
    assert len(server.received) == 1


def test_answer_that_may_have_gone_out_is_not_sent_again(here: Services, server: MailServer) -> None:
    """The process died between the server's word and the note of it."""
    job = came(here)
    mails.note_answer(here.blobs, NOW.date(), SUE, MailAnswer(mail=job.mail, state="sending", at=NOW))
    assert send_answer(here, job).outcome == "sent"
    assert server.received == []


def test_server_that_does_not_take_it_is_tried_again(here: Services, server: MailServer) -> None:
    """And given up with the last try, or where there is nobody of this name."""
    job = came(here)
    server.answers = lambda said: "451 later" if said == "RCPT" else None
    assert send_answer(here, job).outcome == "again"
    assert mails.answers_on(here.blobs, NOW.date(), SUE) == 0
    assert send_answer(here, AnswerTry(mail=job.mail, last=True)).outcome == "failed"
    assert send_answer(here, job).outcome == "failed"
    server.answers = lambda said: "550 nobody" if said == "RCPT" else None
    assert send_answer(here, came(here, 2)).outcome == "failed"
    assert server.received == []


def test_sender_gets_so_many_a_day(here: Services, server: MailServer) -> None:
    """Three, whatever they send; the next day is another one."""
    jobs = [came(here, number) for number in range(5)]
    assert [send_answer(here, job).outcome for job in jobs] == ["sent"] * 3 + ["obsolete"] * 2
    tomorrow = came(here, 9, noted=NOW + timedelta(days=1))
    assert send_answer(here, tomorrow).outcome == "sent"
    assert send_answer(here, came(here, 8, sender=Person("ann@supplier.example"))).outcome == "sent"
    assert len(server.received) == 5


def test_mail_without_invoices_is_told_what_to_do(here: Services, server: MailServer) -> None:
    """There is no batch, and no report."""
    job = came(
        here,
        outcome="no_invoices",
        batch=None,
        reason="It has no attachment that is an XML, PDF or zip file.",
    )
    assert look_for_report(here, AnswerJob(mail=job.mail)).state == "ready"
    assert send_answer(here, job).outcome == "sent"
    body = server.received[0].get_body(("plain",))
    assert body
    assert "no attachment that is" in body.get_content()
    assert "Send the invoices as XML, PDF or zip files" in body.get_content()
    assert list(server.received[0].iter_attachments()) == []


@pytest.mark.parametrize("values", [{"silent": "it came over a list"}, {"sender": None}])
def test_who_gets_no_answer_gets_none(here: Services, server: MailServer, values: dict[str, Any]) -> None:
    """Also where the workflow was started by hand."""
    assert send_answer(here, came(here, **values)).outcome == "obsolete"
    assert server.received == []


def test_answers_that_were_switched_off_meanwhile_stay_here(here: Services, server: MailServer) -> None:
    """The setting counts when it is sent."""
    off = replace(here, settings=replace(here.settings, mailbox=None))
    assert send_answer(off, came(here)).outcome == "obsolete"
    assert server.received == []


def test_words_of_a_stranger_begin_no_header_and_no_element(here: Services, server: MailServer) -> None:
    """In the subject, in names of files, and in the id of the mail."""
    odd = "a\r\nBcc: eve@example.com\r\n\r\n<script>"
    left = LeftOut(name=odd, why="It is a picture.")
    job = came(here, subject=odd, message_id=odd, left_out=(left,))
    assert send_answer(here, job).outcome == "sent"
    (found,) = server.received
    assert found["Bcc"] is None
    assert found["In-Reply-To"] is None
    assert server.recipients == [[SUE]]
    html = found.get_body(("html",))
    assert html
    assert "<script>" not in html.get_content()


def test_report_is_waited_for(here: Services) -> None:
    """Until it is written, or somebody stops the batch."""
    job = AnswerJob(mail=came(here).mail)
    assert look_for_report(here, job).state == "running"
    here.blobs.write(batch_names.stop_mark(BATCH), b"")
    assert look_for_report(here, job).state == "stopped"
    reported(here)
    assert look_for_report(here, job).state == "ready"


def test_report_that_is_too_large_stays_here(
    here: Services, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer says whom to ask."""
    monkeypatch.setattr("usecases.answer_mail.LARGEST_REPORT", 3)
    job = came(here)
    reported(here)
    send_answer(here, job)
    body = server.received[0].get_body(("plain",))
    assert body
    assert "Ask the people who run Settle" in body.get_content()

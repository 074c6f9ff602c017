"""Mail through a real SMTP server: what arrives, and what is said where it does not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters import mail
from adapters.channel_settings import SmtpServer
from adapters.channels import NotSent
from invoicing.records.messages import Message
from tests.fakes.mail_server import MailServer

CREATED = datetime(2026, 5, 1, 12, tzinfo=UTC)
SENDER = "Settle <settle@example.com>"
SECRET = "open-sesame"


def _message(**changes: Any) -> Message:
    values: dict[str, Any] = {
        "id": "n" + "1" * 24,
        "to": "ann.roth@example.com",
        "to_name": "Ann Roth",
        "subject": "Please decide: invoice RE-1 of Müller & Söhne",
        "text": "Hello Ann,\n\nMüller wants 10 €.\n",
        "html": "<p>Müller wants 10&nbsp;€</p>",
        "link": "https://settle.example/approvals/a1?t=x",
    }
    return Message(**(values | changes))


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A server that takes everything until a test says otherwise."""
    with MailServer() as running:
        yield running


def _send(server: MailServer, message: Message | None = None, **settings: str) -> None:
    mail.send(
        SmtpServer("127.0.0.1", server.port, "none", **settings), SENDER, message or _message(), CREATED
    )


def _failure(server: MailServer, message: Message | None = None, **settings: str) -> NotSent:
    with pytest.raises(NotSent) as caught:
        _send(server, message, **settings)
    return caught.value


def test_mail_has_a_text_and_an_html_form(server: MailServer) -> None:
    """With names, characters of all kinds, and a date; the reader's program takes the form that it can."""
    _send(server)
    (found,) = server.received
    assert found["From"] == "Settle <settle@example.com>"
    assert found["To"] == "Ann Roth <ann.roth@example.com>"
    assert found["Subject"] == "Please decide: invoice RE-1 of Müller & Söhne"
    assert found["Date"].datetime == CREATED
    assert found.get_content_type() == "multipart/alternative"
    text, html = found.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert "Müller wants 10 €." in text.get_content()
    assert html.get_content_type() == "text/html"
    assert "Müller wants 10&nbsp;€" in html.get_content()
    assert server.recipients == [["ann.roth@example.com"]]


def test_message_that_is_sent_twice_can_be_told_by_its_id(server: MailServer) -> None:
    """And out-of-office answers are kept away."""
    _send(server)
    _send(server)
    assert {mail["Message-ID"] for mail in server.received} == {"<n" + "1" * 24 + "@example.com>"}
    assert server.received[0]["Auto-Submitted"] == "auto-generated"


def test_line_breaks_begin_no_header(server: MailServer) -> None:
    """In a subject or a name that came from an invoice or a policy."""
    _send(server, _message(subject="RE-1\r\nBcc: eve@example.com\n\nBoo", to_name="Ann\nRoth"))
    (found,) = server.received
    assert found["Subject"] == "RE-1 Bcc: eve@example.com Boo"
    assert found["Bcc"] is None
    assert server.recipients == [["ann.roth@example.com"]]


@pytest.mark.parametrize(
    ("command", "answer", "again"),
    [
        ("RCPT", "550 nobody of this name", False),
        ("RCPT", "451 try again later", True),
        ("DATA", "554 no thanks", True),
        ("DATA", "452 no room", True),
    ],
)
def test_refusal_is_told_with_the_servers_words(
    server: MailServer, command: str, answer: str, again: bool
) -> None:
    """Only an address that does not exist is not tried again."""
    server.answers = lambda said: answer if said == command else None
    failure = _failure(server)
    assert answer in str(failure)
    assert failure.again is again


def test_server_that_is_down_is_told(server: MailServer) -> None:
    """Refused connections and servers that say nothing."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = SmtpServer("127.0.0.1", closed.getsockname()[1], "none")
        with pytest.raises(NotSent, match="ConnectionRefusedError"):
            mail.send(nobody, SENDER, _message(), CREATED)


def test_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its patience is over."""
    monkeypatch.setattr(mail, "PATIENCE", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(NotSent, match="timed out") as caught:
            mail.send(SmtpServer("127.0.0.1", silent.getsockname()[1], "none"), SENDER, _message(), CREATED)
    assert caught.value.again


def test_sign_in_and_its_refusal() -> None:
    """The password is neither in the failure nor in its cause's first line."""
    with MailServer(password=SECRET) as server:
        _send(server, user="settle", password=SECRET)
        assert len(server.received) == 1
        failure = _failure(server, user="settle", password=SECRET + "!")
        assert "refuses the user or the password" in str(failure)
        assert SECRET not in str(failure)


def test_encryption_that_the_server_cannot_do_is_no_reason_to_go_without(server: MailServer) -> None:
    """STARTTLS was asked for, so nothing is sent in the clear."""
    with pytest.raises(NotSent):
        mail.send(SmtpServer("127.0.0.1", server.port, "starttls"), SENDER, _message(), CREATED)
    assert server.received == []


def test_person_without_a_usable_address_is_not_tried_again(server: MailServer) -> None:
    """The text names the address, since somebody has to mend it."""
    failure = _failure(server, _message(to="ann roth@example.com"))
    assert not failure.again
    assert "ann roth@example.com" in str(failure)

"""Mail over SMTP: one message with a text and an HTML form to one person."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from adapters.channel_settings import SmtpServer
from adapters.channels import NotSent
from invoicing.records.messages import Message

#: Seconds that a mail server may take for each answer.
PATIENCE = 20.0


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail; `media_type` such as `text/csv`."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Reply:
    """What makes a mail the answer to another: that one's id ("" where it has none), and files."""

    to_message: str
    attachments: tuple[Attachment, ...] = ()


def send(
    server: SmtpServer, sender: str, message: Message, created: datetime, reply: Reply | None = None
) -> None:
    """Hand a message to the mail server. Raises NotSent."""
    try:
        mail = compose(sender, message, created, reply)
    except (MessageError, ValueError) as error:
        raise NotSent(f"mail: {message.to!r} is no address that a mail can have", again=False) from error
    try:
        with _connected(server) as connection:
            connection.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        code, answer = next(iter(error.recipients.values()))
        # 5xx about a recipient: there is nobody of this address, however often it is tried.
        raise NotSent(f"mail: {code} {_plain(answer)}", again=not 500 <= code < 600) from error
    except smtplib.SMTPAuthenticationError as error:
        # The server's answer may repeat what it was given.
        raise NotSent(f"mail: the server refuses the user or the password ({error.smtp_code})") from error
    except smtplib.SMTPResponseException as error:
        raise NotSent(f"mail: {error.smtp_code} {_plain(error.smtp_error)}") from error
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise NotSent(f"mail: {type(error).__name__}: {_plain(str(error))}") from error


def compose(sender: str, message: Message, created: datetime, reply: Reply | None = None) -> EmailMessage:
    """The mail as it goes over the wire; the same message gives the same Message-ID."""
    mail = EmailMessage(policy=SMTP)
    name, address = parseaddr(sender)
    mail["From"] = _address(name, address)
    mail["To"] = _address(message.to_name, message.to)
    mail["Subject"] = _one_line(message.subject)
    mail["Date"] = format_datetime(created)
    mail["Message-ID"] = f"<{message.id}@{address.rpartition('@')[2]}>"
    # Out-of-office answers are for people (RFC 3834).
    mail["Auto-Submitted"] = "auto-replied" if reply else "auto-generated"
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    if reply:
        _make_reply(mail, reply)
    return mail


def _make_reply(mail: EmailMessage, reply: Reply) -> None:
    if reply.to_message:
        mail["In-Reply-To"] = reply.to_message
        mail["References"] = reply.to_message
    for file in reply.attachments:
        kind, _, subtype = file.media_type.partition("/")
        mail.add_attachment(file.content, maintype=kind, subtype=subtype, filename=file.name)


def _connected(server: SmtpServer) -> smtplib.SMTP:
    if server.security == "tls":
        connection = smtplib.SMTP_SSL(
            server.host, server.port, timeout=PATIENCE, context=ssl.create_default_context()
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=PATIENCE)
    try:
        if server.security == "starttls":
            connection.starttls(context=ssl.create_default_context())
        if server.user:
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _address(name: str, address: str) -> Address:
    return Address(display_name=_one_line(name), addr_spec=address)


def _one_line(text: str) -> str:
    """A header's text: an invoice's number with a line break in it must not begin another header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def _plain(answer: bytes | str) -> str:
    text = answer.decode("ascii", "replace") if isinstance(answer, bytes) else answer
    return _one_line(text)

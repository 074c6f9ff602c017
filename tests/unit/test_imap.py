"""The watched folder: the adapter at a real server (dovecot), and the one in memory, held to one contract."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.mailbox import ImapMailbox, Mailbox, MailboxAway, MailboxRefused
from adapters.mailbox_settings import MailboxSettings, Security, read_mailbox
from tests.fakes.cuttable_proxy import CuttableProxy
from tests.fakes.dovecot import PASSWORD, USER, Dovecot, why_not
from tests.fakes.memory_mailbox import MemoryServer

MAIL = b"From: sue@supplier.example\r\nSubject: one\r\n\r\nhello\r\n"
needs_dovecot = pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is one")


def settings(port: int = 1, **changes: Any) -> MailboxSettings:
    """Settings for a server on this machine."""
    found = read_mailbox(
        {
            "SETTLE_MAILBOX_HOST": "127.0.0.1",
            "SETTLE_MAILBOX_PORT": str(port),
            "SETTLE_MAILBOX_SECURITY": "none",
            "SETTLE_MAILBOX_USER": USER,
            "SETTLE_MAILBOX_PASSWORD": PASSWORD,
            "SETTLE_MAILBOX_SENDERS": "*",
        }
    )
    assert found
    return replace(found, **changes)


class Server:
    """A server, real or in memory, with the same words."""

    def __init__(self, real: Dovecot | MemoryServer) -> None:
        self.put: Callable[[bytes], object] = real.put
        self.count = real.count
        self.renumber = real.renumber
        self._real = real

    def open(self, **changes: Any) -> Mailbox:
        """The folder."""
        if isinstance(self._real, Dovecot):
            return ImapMailbox(settings(self._real.port, **changes))
        return self._real.open(settings(**changes))


@pytest.fixture(params=["memory", pytest.param("dovecot", marks=needs_dovecot)])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """An empty server."""
    if request.param == "memory":
        yield Server(MemoryServer(password=PASSWORD))
        return
    with Dovecot() as real:
        yield Server(real)


def test_mails_are_listed_read_and_moved(server: Server) -> None:
    """The oldest first; a folder is made where it is missing; what is moved is gone from here."""
    for number in range(3):
        server.put(MAIL + b"x" * number)
    box = server.open()
    assert box.waiting == 3
    first, second = box.oldest(2)
    assert first.uid < second.uid
    assert (first.size, second.size) == (len(MAIL), len(MAIL) + 1)
    assert box.size(second.uid) == len(MAIL) + 1
    assert b"Subject: one" in (box.head(first.uid) or b"")
    assert b"hello" not in (box.head(first.uid) or b"")
    assert box.read(second.uid, 1000) == MAIL + b"x"
    assert box.read(second.uid, 10) == MAIL[:10]
    box.move(first.uid, "Settle/Done")
    box.move(second.uid, "Settle/Done")
    assert box.size(first.uid) is None
    assert box.head(first.uid) is None
    assert box.read(first.uid, 10) is None
    box.close()
    assert (server.count("INBOX"), server.count("Settle/Done")) == (1, 2)


def test_empty_folder_has_no_mail(server: Server) -> None:
    """There is nothing to list."""
    box = server.open()
    assert (box.waiting, box.oldest(20)) == (0, [])
    box.close()


def test_wrong_password_is_refused_and_not_told(server: Server) -> None:
    """A person has to mend it."""
    with pytest.raises(MailboxRefused, match="refuses the user or the password") as caught:
        server.open(password="wrong one")
    assert "wrong one" not in str(caught.value)


def test_numbers_that_are_lost_are_told_by_another_validity(server: Server) -> None:
    """The same mail, another number."""
    server.put(MAIL)
    box = server.open()
    before = box.validity
    box.close()
    server.renumber()
    box = server.open()
    assert box.validity != before
    assert len(box.oldest(5)) == 1
    box.close()


@pytest.fixture(scope="module")
def real() -> Iterator[Dovecot]:
    """One server for tests that leave nothing behind that others would see."""
    with Dovecot(separator=".", prefix="INBOX.") as made:
        yield made


@needs_dovecot
def test_folders_have_the_names_that_the_server_gives_them(real: Dovecot) -> None:
    """Below INBOX, with dots between, and letters of all kinds."""
    real.put(MAIL)
    box = ImapMailbox(settings(real.port))
    (mail,) = box.oldest(5)
    box.move(mail.uid, "Settle/Nicht gültig & alt")
    box.close()
    assert real.count("INBOX.Settle.Nicht gültig & alt") == 1


@needs_dovecot
def test_folder_that_is_not_there_is_told(real: Dovecot) -> None:
    """With the name of the setting."""
    with pytest.raises(MailboxRefused, match="no folder Invoices"):
        ImapMailbox(settings(real.port, folder="Invoices"))


@needs_dovecot
def test_mail_stays_unread_and_what_is_deleted_is_no_mail(real: Dovecot) -> None:
    """People who look into the folder see what Settle has not taken yet."""
    real.put(MAIL)
    box = ImapMailbox(settings(real.port))
    (mail,) = box.oldest(5)
    box.read(mail.uid, 100)
    client = real.client()
    client.select_folder("INBOX")
    flags: Any = client.get_flags([mail.uid])
    assert b"\\Seen" not in flags[mail.uid]
    client.delete_messages([mail.uid])
    box.close()
    box = ImapMailbox(settings(real.port))
    assert box.oldest(5) == []
    client.expunge()
    client.logout()
    box.close()


@needs_dovecot
def test_what_was_deleted_and_stays_hides_no_mail(real: Dovecot) -> None:
    """A server that takes nothing away keeps it among the oldest."""
    for _ in range(5):
        real.put(MAIL)
    client = real.client()
    client.select_folder("INBOX")
    uids = client.search("ALL")
    client.delete_messages(uids[:3])
    box = ImapMailbox(settings(real.port))
    assert [one.uid for one in box.oldest(1)] == [uids[3]]
    assert [one.uid for one in box.oldest(2)] == uids[3:]
    box.close()
    client.delete_messages(uids)
    client.expunge()
    client.logout()


@needs_dovecot
def test_server_without_move_copies_and_deletes(real: Dovecot) -> None:
    """The mail is in the other folder, once, and not here any more."""
    real.put(MAIL)
    box = ImapMailbox(settings(real.port))
    client: Any = box._client
    has = client.has_capability
    client.has_capability = lambda name: name != "MOVE" and has(name)
    (mail,) = box.oldest(5)
    box.move(mail.uid, "Copied")
    box.close()
    assert (real.count("INBOX"), real.count("INBOX.Copied")) == (0, 1)


@needs_dovecot
def test_server_that_goes_in_the_middle_is_away(real: Dovecot) -> None:
    """Whatever was asked for."""
    real.put(MAIL)
    proxy = CuttableProxy(real.port)
    box = ImapMailbox(settings(proxy.port))
    (mail,) = box.oldest(5)
    proxy.cut()
    with pytest.raises(MailboxAway):
        box.read(mail.uid, 100)
    box.close()
    box = ImapMailbox(settings(real.port))
    box.move(mail.uid, "Done")
    box.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that nobody signed, and its key."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("there is no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*made, *names, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


@needs_dovecot
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_connection_is_encrypted_and_the_certificate_has_to_be_trusted(
    certificate: tuple[Path, Path], security: Security, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is not is for a person to mend: the password is not sent."""
    cert, key = certificate
    with Dovecot(tls=(cert, key)) as server:
        port = server.tls_port if security == "tls" else server.port
        asked = settings(port, host="localhost", security=security)
        with pytest.raises(MailboxRefused, match="certificate"):
            ImapMailbox(asked)
        assert "Login" not in server.said()
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        box = ImapMailbox(asked)
        assert box.waiting == 0
        box.close()
        assert "TLS" in server.said()


@needs_dovecot
def test_server_that_cannot_encrypt_gets_no_password(real: Dovecot) -> None:
    """STARTTLS was asked for."""
    with pytest.raises(MailboxAway):
        ImapMailbox(settings(real.port, security="starttls"))


@needs_dovecot
def test_password_of_all_letters_is_sent_as_it_is() -> None:
    """LOGIN knows ASCII alone."""
    with Dovecot(password='pä"ss\\ wörd €') as server:
        box = ImapMailbox(settings(server.port, password='pä"ss\\ wörd €'))
        assert box.waiting == 0
        box.close()
        with pytest.raises(MailboxRefused, match="refuses the user or the password"):
            ImapMailbox(settings(server.port, password="pä"))


@pytest.mark.parametrize("answer", [b"", b"* BYE closing\r\n", b"%b NO [UNAVAILABLE] later\r\n"])
def test_server_that_hangs_up_at_the_sign_in_says_nothing_of_the_password(answer: bytes) -> None:
    """It is away: the password may well be right."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as stream:
                stream.write(b"* OK [CAPABILITY IMAP4rev1] hello\r\n")
                stream.flush()
                while line := stream.readline():
                    tag, verb = line.split()[:2]
                    if verb.upper() == b"LOGIN":
                        stream.write(answer.replace(b"%b", tag))
                        return
                    stream.write(b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK\r\n")
                    stream.flush()

        speaker = threading.Thread(target=speak)
        speaker.start()
        with pytest.raises(MailboxAway):
            ImapMailbox(settings(listener.getsockname()[1]))
        speaker.join()


def test_server_that_is_not_there_is_away() -> None:
    """Nobody listens on the port."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with pytest.raises(MailboxAway, match="ConnectionRefusedError"):
        ImapMailbox(settings(port))


@pytest.mark.parametrize(
    "greeting",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"* BYE busy\r\n", b"\x16\x03\x01" + b"\0" * 2_000_000],
)
def test_server_that_speaks_nonsense_is_away(greeting: bytes) -> None:
    """It says something else, too much, or nothing and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(greeting)

        speaker = threading.Thread(target=answer)
        speaker.start()
        with pytest.raises(MailboxAway):
            ImapMailbox(settings(listener.getsockname()[1]))
        speaker.join()


def test_password_that_a_vault_did_not_give_is_not_tried() -> None:
    """The reference stands in the environment as it was written."""
    with pytest.raises(MailboxRefused, match="key vault"):
        ImapMailbox(settings(password=""))

"""The watch at a real IMAP server: folders, 60 MB, lost numbers, a server that goes and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.mailbox import ImapMailbox
from adapters.mailbox_settings import MailboxSettings
from tests.fakes.cuttable_proxy import CuttableProxy
from tests.fakes.dovecot import PASSWORD, USER, Dovecot, why_not
from tests.orchestrators.mailbox_kit import DONE, FAILED, NONE, REFUSED, PostOffice, mail

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is one")


@pytest.fixture
def server() -> Iterator[Dovecot]:
    """An empty server."""
    with Dovecot() as made:
        yield made


def _office(port: int, **environment: str) -> PostOffice:
    return PostOffice(
        {
            "SETTLE_MAILBOX_PORT": str(port),
            "SETTLE_MAILBOX_USER": USER,
            "SETTLE_MAILBOX_PASSWORD": PASSWORD,
            **environment,
        },
        ImapMailbox,
    )


def test_mails_of_all_kinds_end_in_their_folders(server: Dovecot) -> None:
    """Also one of 60 MB: its size is asked for, and it is never fetched."""
    server.put(mail(1))
    server.put(mail(2, ("a.txt", b"hello")))
    server.put(mail(3, sender="eve@elsewhere.example"))
    server.put(mail(4) + (b"x" * 76 + b"\r\n") * 800_000)
    server.put(b"From: sue@supplier.example\r\nContent-Type: multipart/mixed; boundary=\r\nx\r\n\r\n--\r\n")
    with _office(server.port).at_work() as office:
        office.start()
        assert office.outcomes() == ["batch", "no_invoices", "refused", "failed", "no_invoices"]
        assert "59.5 MiB" in office.records()[3].reason
        assert [server.count(name) for name in ("INBOX", DONE, NONE, REFUSED, FAILED)] == [0, 1, 2, 1, 1]


def test_numbers_that_are_lost_take_no_mail_twice(server: Dovecot) -> None:
    """Two mails were taken and could not be moved; then dovecot forgot its numbers."""
    server.put(mail(1))
    server.put(mail(2))

    class Stuck(ImapMailbox):
        def move(self, uid: int, folder: str) -> None:
            """Say that the quota is used up, as often as the test wants."""
            if stuck:
                super().move(uid, "no\r\nfolder")
            super().move(uid, folder)

    stuck = True
    office = _office(server.port)
    office.opens = Stuck
    with office.at_work():
        office.start()
        assert office.outcomes() == ["batch", "batch"]
        assert server.count("INBOX") == 2
        stuck = False
        server.renumber()
        server.put(mail(3))
        office.host.advance(minutes=2)
        assert office.outcomes() == ["batch", "batch", "known", "known", "batch"]
        assert (len(office.batches()), server.count("INBOX"), server.count(DONE)) == (3, 0, 3)


def test_server_that_goes_in_the_middle_and_comes_back(server: Dovecot) -> None:
    """The connection breaks while the first mail is read."""
    server.put(mail(1))
    server.put(mail(2))
    proxy = CuttableProxy(server.port)

    class Cut(ImapMailbox):
        def read(self, uid: int, most: int) -> bytes | None:
            """The first time, the cable is cut."""
            if not cuts:
                cuts.append(uid)
                proxy.cut()
            return super().read(uid, most)

    cuts: list[int] = []
    office = _office(proxy.port)
    office.opens = Cut
    with office.at_work():
        office.start()
        assert office.outcomes() == [None, None]
        assert server.count("INBOX") == 2
        proxy.mend()
        office.host.advance(minutes=2)
        assert office.outcomes() == ["batch", "batch"]
        assert (len(office.batches()), server.count(DONE)) == (2, 2)


def test_wrong_password_at_a_real_server(server: Dovecot) -> None:
    """It is told, and tried again a quarter of an hour later."""
    tries: list[str] = []

    def opened(settings: MailboxSettings) -> ImapMailbox:
        tries.append(settings.user)
        return ImapMailbox(settings)

    office = _office(server.port, SETTLE_MAILBOX_PASSWORD="wrong")
    office.opens = opened
    with office.at_work():
        office.start()
        office.host.advance(minutes=14)
        assert len(tries) == 1
        office.host.advance(minutes=7)
        assert len(tries) == 2

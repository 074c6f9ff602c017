"""The anchor of a day gets to where it is to be kept: a second container, and people by mail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

from adapters import anchoring, services
from adapters.anchoring import AnchorFailed, Place
from stores import approval_names, ledger_anchors
from stores.blobs import StorageUnavailable
from stores.mailed_anchors import MAILED
from tests.fakes.mail_server import MailServer
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.books import LEDGER_KEYS, Books
from triggers import timers

NOW = datetime(2026, 5, 5, 0, 20, tzinfo=UTC)
NEXT_DAY = datetime(2026, 5, 6, 0, 20, tzinfo=UTC)
AUDITOR, BOSS = "auditor@example.com", "boss@example.com"


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server."""
    with MailServer() as running:
        yield running


@pytest.fixture
def books() -> Books:
    """A storage with one approval."""
    made = Books()
    made.open(1)
    return made


def _place(books: Books, copies: MemoryBlobs | None = None) -> Place:
    here = books.services
    return Place(here.settings, books.blobs, here.ledger_keys, copies)


def _mailing(books: Books, server: MailServer, *to: str) -> Place:
    books.environment |= {
        "SETTLE_SMTP_URL": f"smtp://127.0.0.1:{server.port}",
        "SETTLE_MAIL_FROM": "settle@example.com",
        "SETTLE_ANCHOR_MAIL": ",".join(to),
    }
    return _place(books)


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return part.get_content()


# ---------------------------------------------------------------- copies


def test_anchor_is_copied_and_what_is_there_is_never_written_over(books: Books) -> None:
    """Each hour finds it done; an older one that has no copy yet gets one."""
    copies = MemoryBlobs()
    assert anchoring.run(_place(books), NOW) == 1
    assert anchoring.run(_place(books, copies), NEXT_DAY) == 2
    assert anchoring.run(_place(books, copies), NEXT_DAY) is None
    assert copies.names() == [approval_names.anchor(1), approval_names.anchor(2)]
    assert [copies.read(name) for name in copies.names()] == [
        books.blobs.read(approval_names.anchor(n)) for n in (1, 2)
    ]
    assert {verb for verb, _ in copies.calls} <= {"list", "create", "read"}, "it may be immutable"


def test_copy_that_differs_is_an_error_and_stays(books: Books) -> None:
    """Somebody removed the newest anchor, and another one was taken in its place."""
    copies = MemoryBlobs()
    anchoring.run(_place(books, copies), NOW)
    kept = copies.read(approval_names.anchor(1))
    books.blobs.delete(approval_names.anchor(1))
    with pytest.raises(AnchorFailed, match="copying: anchor 1 is not the one"):
        anchoring.run(_place(books, copies), NEXT_DAY)
    assert copies.read(approval_names.anchor(1)) == kept


def test_container_that_is_away_gets_its_copy_an_hour_later(books: Books) -> None:
    """The anchor is taken all the same."""
    copies = MemoryBlobs()
    copies.go_away()
    with pytest.raises(AnchorFailed, match="copying: list anchors/: no answer"):
        anchoring.run(_place(books, copies), NOW)
    assert ledger_anchors.numbers(books.blobs) == [1]
    copies.come_back()
    assert anchoring.run(_place(books, copies), NOW) is None
    assert copies.names() == [approval_names.anchor(1)]


# ---------------------------------------------------------------- mail


def test_hash_size_and_counts_are_mailed_once_a_day(books: Books, server: MailServer) -> None:
    """To everybody, and with the command that proves with it."""
    place = _mailing(books, server, AUDITOR, BOSS)
    for now in (NOW, NOW, NEXT_DAY):
        anchoring.run(place, now)
    assert server.recipients == [[AUDITOR], [BOSS]] * 2
    anchor = ledger_anchors.newest(books.blobs, LEDGER_KEYS)
    assert anchor is not None
    assert anchor.header.former is not None
    last = server.received[-1]
    assert last["Subject"] == "Settle: anchor 2 of the ledgers, 2026-05-06"
    text = _text(last)
    for said in (anchor.sha256, anchor.header.former.sha256, f"{anchor.size} bytes", "1, with 2 entries"):
        assert said in text
    assert f"verify-ledger --anchor {anchor.sha256}" in text
    assert len({mail["Message-ID"] for mail in server.received}) == 2


def test_mail_server_that_is_down_is_tried_again_and_nobody_gets_it_twice(
    books: Books, server: MailServer
) -> None:
    """The first address worked, the second did not: only the second is written to an hour later."""
    place = _mailing(books, server, AUDITOR, BOSS)
    sent: list[str] = []

    def full(command: str) -> str | None:
        sent.append(command)
        return "451 too many" if sent.count("RCPT") == 2 else None

    server.answers = full
    with pytest.raises(AnchorFailed, match="mailing: mail: 451"):
        anchoring.run(place, NOW)
    assert ledger_anchors.numbers(books.blobs) == [1]
    anchoring.run(place, NOW)
    anchoring.run(place, NOW)
    assert server.recipients == [[AUDITOR], [BOSS]]


def test_address_that_there_is_not_is_given_up_until_the_next_anchor(
    books: Books, server: MailServer
) -> None:
    """It is said once, and the others get theirs."""
    place = _mailing(books, server, "nobody@example.com", BOSS)
    asked: list[str] = []

    def refuse(command: str) -> str | None:
        asked.append(command)
        return "550 nobody of that name" if asked == ["RCPT"] else None

    server.answers = refuse
    with pytest.raises(AnchorFailed, match="550"):
        anchoring.run(place, NOW)
    anchoring.run(place, NOW)
    assert server.recipients == [[BOSS]]
    anchoring.run(place, NEXT_DAY)
    assert server.recipients[1:] == [["nobody@example.com"], [BOSS]]


@pytest.mark.parametrize("note", [b"", b"[]", b'{"sha256": 1}', b"[" * 5000])
def test_note_that_cannot_be_read_costs_one_mail(books: Books, server: MailServer, note: bytes) -> None:
    """The same message once more is better than none."""
    place = _mailing(books, server, BOSS)
    anchoring.run(place, NOW)
    books.blobs.write(MAILED, note)
    anchoring.run(place, NOW)
    anchoring.run(place, NOW)
    assert server.recipients == [[BOSS]] * 2
    assert json.loads(books.blobs.read(MAILED))["to"] == [BOSS]


def test_mail_without_a_server_is_told(books: Books) -> None:
    """The anchor is taken; what is missing is named."""
    books.environment["SETTLE_ANCHOR_MAIL"] = BOSS
    with pytest.raises(AnchorFailed, match="Set SETTLE_SMTP_URL"):
        anchoring.run(_place(books), NOW)
    assert ledger_anchors.numbers(books.blobs) == [1]


def test_anchor_that_was_altered_is_not_mailed(books: Books, server: MailServer) -> None:
    """Nobody shall keep the hash of it as ours."""
    place = _mailing(books, server, BOSS)
    ledger_anchors.take(books.blobs, LEDGER_KEYS, NOW)
    books.blobs.write(approval_names.anchor(2), b"altered")
    books.blobs.fails = lambda verb, name: _away() if verb == "create" else None
    with pytest.raises(AnchorFailed, match="mailing: it is no anchor"):
        anchoring.run(place, NOW)
    assert server.received == []


def _away() -> None:
    raise StorageUnavailable("no answer")


# ---------------------------------------------------------------- the timer


def _timer() -> Any:
    builder: Any = timers.anchor_ledgers
    return builder._function


def test_timer_takes_the_anchor_and_copies_it(books: Books) -> None:
    """With the second container that the setting names."""
    copies = MemoryBlobs()
    books.environment["SETTLE_ANCHOR_CONTAINER"] = "kept"
    opened: list[str] = []

    def open_container(settings: Any, name: str) -> MemoryBlobs:
        opened.append(name)
        return copies

    here = replace(books.services, open_container=open_container)
    with services.replaced_by(here):
        for _ in range(2):
            asyncio.run(_timer().get_user_function()(None))
    assert opened == ["kept"] * 2
    assert copies.names() == books.blobs.names(approval_names.ANCHORS) == [approval_names.anchor(1)]


def test_timer_comes_each_hour() -> None:
    """A host that was down at midnight takes the anchor of the day an hour later."""
    triggers = [binding.get_dict_repr() for binding in _timer().get_bindings()]
    assert [one["schedule"] for one in triggers] == ["0 20 * * * *"]


def test_without_a_key_no_anchor_is_taken_where_the_app_is_deployed(books: Books) -> None:
    """It would prove nothing; a local run takes one that is not signed."""
    books.environment["SETTLE_LEDGER_KEY"] = ""
    with services.replaced_by(books.services), pytest.raises(ValueError, match="SETTLE_LEDGER_KEY"):
        asyncio.run(_timer().get_user_function()(None))
    assert books.blobs.names(approval_names.ANCHORS) == []

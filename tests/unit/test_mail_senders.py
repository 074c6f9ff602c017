"""Who may send, who is answered, by what a mail is known, what is packed, and how long is waited."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.archive import Limits
from invoicing.mails.answering import reference, why_silent
from invoicing.mails.heads import Head
from invoicing.mails.identity import batch_of, likeness, mail_id
from invoicing.mails.packing import pack
from invoicing.mails.parsing import File, read_head
from invoicing.mails.senders import SenderRules, refusal
from invoicing.mails.watching import after, next_sign_in, pause
from invoicing.records.mailbox_steps import Look, MailboxWatch, MailRef

SUE = "sue@supplier.example"
OURS = frozenset({"settle@example.com"})


def head(*lines: str, sender: str = SUE) -> Head:
    """The head of a mail."""
    return read_head("\r\n".join([f"From: {sender}", *lines, "", ""]).encode())


@pytest.mark.parametrize(
    ("listed", "sender", "code"),
    [
        ({SUE}, SUE, None),
        ({"@supplier.example"}, SUE, None),
        (set(), SUE, None),
        ({SUE}, "eve@supplier.example", "sender_not_listed"),
        ({"@supplier.example"}, "sue@sub.supplier.example", "sender_not_listed"),
        ({"@supplier.example"}, "sue@supplier.example.evil.example", "sender_not_listed"),
        ({"@supplier.example"}, "Sue <SUE@SUPPLIER.EXAMPLE>", None),
        (set(), "settle@example.com", "own_mail"),
        (set(), "nobody", "no_sender"),
    ],
)
def test_listed_senders_are_taken(listed: set[str], sender: str, code: str | None) -> None:
    """An address or a whole domain, never a part of one."""
    found = refusal(head(sender=sender), SenderRules(frozenset(listed), OURS))
    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    ("results", "good"),
    [
        ("mx.us; dmarc=pass header.from=supplier.example", True),
        ("mx.us 1; spf=fail; dmarc=pass (p=reject) header.from=supplier.example; dkim=none", True),
        ("MX.us; dkim=pass header.d=supplier.example header.s=x", True),
        ("mx.us; dkim=pass header.i=@supplier.example", True),
        ("mx.us; spf=pass smtp.mailfrom=bounce@supplier.example", True),
        ("mx.us; dmarc=pass header.from=evil.example", False),
        ("mx.us; dkim=pass header.d=evil.example", False),
        ("mx.us; dkim=pass header.d=example", False),
        ("mx.us; dmarc=fail header.from=supplier.example", False),
        ("mx.us; dmarc=fail (dmarc=pass header.from=supplier.example)", False),
        ('mx.us; dkim=pass (2048-bit key; unprotected) header.d=supplier.example header.b="ab/+c="', True),
        ('mx.us; dkim=pass reason="pass (just made)" header.d=supplier.example', True),
        ('mx.us; spf=pass (mx.us: (a) sue@supplier.example) smtp.mailfrom="a b"@supplier.example', True),
        ('mx.us; spf=pass smtp.mailfrom="bounce+1=x@supplier.example"', True),
        ('mx.us; spf=pass smtp.mailfrom="sue@supplier.example"@evil.example', False),
        ('(a) mx.us (b); dmarc=pass header.from="supplier.example"', True),
        ("mx.us; none", False),
        ("mx.evil; dmarc=pass header.from=supplier.example", False),
        ("mx.us.evil; dmarc=pass header.from=supplier.example", False),
        ("", False),
        ("; ; ;", False),
    ],
)
def test_servers_word_is_asked_for_where_a_setting_names_it(results: str, good: bool) -> None:
    """That server's alone, and for the domain in From alone."""
    rules = SenderRules(frozenset({SUE}), OURS, authserv="mx.us")
    found = refusal(head(f"Authentication-Results: {results}"), rules)
    assert (found is None) == good


@pytest.mark.parametrize(
    "repeated",
    [
        'spf=pass smtp.mailfrom="a; dmarc=pass header.from=supplier.example ;"@evil.example',
        'spf=pass smtp.mailfrom="a smtp.mailfrom=supplier.example b"@evil.example',
        "spf=pass smtp.mailfrom=a smtp.mailfrom=supplier.example b@evil.example",
        "spf=pass smtp.mailfrom=a ; dmarc=pass header.from=supplier.example ; b@evil.example",
        "spf=pass smtp.mailfrom=a ; dmarc=pass header.from=supplier.example; dmarc=fail",
        'spf=pass smtp.mailfrom="a\\"; dmarc=pass header.from=supplier.example ;\\""@evil.example',
        'spf=pass smtp.mailfrom=a"; dmarc=pass header.from=supplier.example; b="@evil.example',
        'spf=pass (of "a); dmarc=pass header.from=supplier.example; (b"@evil.example) smtp.helo=x',
        "spf=pass smtp.mailfrom=any@supplier.example(.evil.example)",
        "dkim=pass header.d=supplier.example(.evil.example header.s=x)",
        "dkim=pass header.d=supplier.example(.evil.example header.s=x",
    ],
)
def test_what_the_server_repeats_of_a_stranger_proves_nothing(repeated: str) -> None:
    """The address of the envelope and the name of a key are the sender's own words."""
    forged = "Authentication-Results: mx.us; dmarc=pass header.from=supplier.example"
    found = refusal(head(f"Authentication-Results: mx.us; {repeated}", forged), SenderRules(authserv="mx.us"))
    assert found
    assert found.code == "sender_not_proved"


def test_only_the_topmost_word_of_the_server_counts() -> None:
    """What is below was in the mail when it came: anybody can write it."""
    rules = SenderRules(authserv="mx.us")
    bad, forged = "mx.us; dmarc=fail", "mx.us; dmarc=pass header.from=supplier.example"
    found = refusal(head(f"Authentication-Results: {bad}", f"Authentication-Results: {forged}"), rules)
    assert found
    assert found.code == "sender_not_proved"
    assert refusal(head(), rules)


@pytest.mark.parametrize(
    "lines",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated (rejected); type=x",
        "Precedence: bulk",
        "Precedence: LIST",
        "Precedence: junk",
        "List-Id: Invoices <invoices.example.com>",
        "List-Unsubscribe: <mailto:x@example.com>",
        "Return-Path: <>",
        "Return-Path: < >",
        "X-Auto-Response-Suppress: DR, OOF, AutoReply",
        "X-Auto-Response-Suppress: All",
        "X-Autoreply: yes",
        "X-Loop: settle",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
        "AUTO-SUBMITTED: auto-notified",
    ],
)
def test_machines_and_lists_get_no_answer(lines: str) -> None:
    """RFC 3834, and what programs write besides."""
    assert why_silent(head(lines), OURS)


@pytest.mark.parametrize(
    "sender",
    [
        "mailer-daemon@x.example",
        "MAILER-DAEMON@x.example",
        "no-reply@x.example",
        "noreply@x.example",
        "owner-list@x.example",
        "list-request@x.example",
        "settle@example.com",
        "nobody",
    ],
)
def test_addresses_of_machines_and_our_own_get_no_answer(sender: str) -> None:
    """They may lack every header."""
    assert why_silent(head(sender=sender), OURS)


def test_people_get_an_answer() -> None:
    """With headers that mean nothing."""
    lines = "Auto-Submitted: no", "Precedence: normal", "Return-Path: <sue@supplier.example>", "X-Mailer: y"
    assert why_silent(head(*lines), OURS) == ""


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [
        ("<a@b>", "<a@b>"),
        (" <a.1+x@b.example> ", "<a.1+x@b.example>"),
        ("a@b", ""),
        ("<a b@c>", ""),
        ("", ""),
        ("<a@b>\r\nBcc: x@y", ""),
        ("<" + "a" * 300 + "@b>", ""),
        ("<ä@b>", ""),
    ],
)
def test_answer_refers_to_what_is_an_id(given_id: str, kept: str) -> None:
    """Nothing else gets into a header."""
    assert reference(given_id) == kept


def test_mail_is_known_by_its_numbers() -> None:
    """Each of them counts."""
    ids = {mail_id(place, validity, uid) for place in "ab" for validity in (1, 2, 12) for uid in (1, 2, 21)}
    assert len(ids) == 18
    assert len({batch_of(one) for one in ids}) == 18
    assert mail_id("a", 1, 2) == mail_id("a", 1, 2)
    assert len(mail_id("a", 1, 2)) == 25


def test_mail_looks_the_same_whatever_its_number() -> None:
    """By the headers that nobody changes; what servers add does not count."""
    lines = "Message-ID: <1@x>", "Date: now", "Subject: one"
    plain = likeness("p", head(*lines))
    assert likeness("p", head("Received: by somebody", *lines)) == plain
    assert likeness("p", head("Message-ID: <2@x>", *lines[1:])) != plain
    assert likeness("q", head(*lines)) != plain


def zipped(**files: bytes) -> bytes:
    """A zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def contents(data: bytes | None) -> dict[str, bytes]:
    """What is in a zip."""
    assert data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_zip_that_came_alone_stays_as_it_is() -> None:
    """Byte for byte."""
    data = zipped(a=b"1", b=b"2")
    found = pack([File("x.zip", data)], Limits())
    assert (found.data, found.documents) == (data, 2)


def test_files_and_zips_become_one_zip() -> None:
    """The same bytes for the same files; what cannot be taken is told."""
    nested = zipped(a=b"1", inner=zipped(b=b"2"))
    files = [File("1.xml", b"x"), File("1.xml", b"y"), File("2.zip", nested), File("3.zip", b"no zip")]
    found = pack(files, Limits())
    assert found == pack(files, Limits())
    assert found.documents == 3
    assert set(contents(found.data)) == {"1.xml", "2.zip/a"}
    assert [one.name for one in found.left_out] == ["2.zip/inner", "3.zip"]


def test_zip_that_unpacks_to_too_much_is_left_out() -> None:
    """There is a limit of all files together."""
    limits = Limits(max_total=1000)
    found = pack([File("1.xml", b"x" * 600), File("2.xml", b"x" * 600)], limits)
    assert (found.documents, [one.name for one in found.left_out]) == (1, ["2.xml"])
    assert pack([File("2.zip", zipped(a=b"x" * 2000))], limits).data is None
    assert pack([], limits).data is None


def test_pauses_grow_and_come_back() -> None:
    """While nothing comes, while the server is away, and after a mail."""
    empty, away = Look(condition="ok", first=30, longest=300), Look(condition="away")
    watch, pauses = MailboxWatch(), []
    for _ in range(8):
        watch = after(watch, empty, trouble=False)
        pauses.append(pause(watch, empty).total_seconds())
    assert pauses[0] == 45
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300

    watch = after(watch, away, trouble=False)
    assert pause(watch, away) == timedelta(minutes=1)
    for _ in range(9):
        watch = after(watch, away, trouble=False)
    assert pause(watch, away) == timedelta(minutes=15)

    found = Look(condition="ok", mails=(MailRef(place="p", validity=1, uid=1),))
    assert pause(after(watch, found, trouble=False), found) == timedelta(seconds=30)
    assert pause(after(MailboxWatch(), found, trouble=True), found) == timedelta(minutes=1)
    refused = Look(condition="refused")
    assert pause(after(watch, refused, trouble=False), refused) == timedelta(minutes=5)


@given(st.integers(min_value=-3, max_value=10**9))
def test_sign_ins_that_are_refused_come_ever_later(failures: int) -> None:
    """Never sooner than in a quarter of an hour, never later than in a day."""
    assert timedelta(minutes=15) <= next_sign_in(failures) <= next_sign_in(failures + 1) <= timedelta(days=1)


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=1, max_value=3600))
def test_no_pause_is_none(idle: int, first: int) -> None:
    """However long nothing came, and however few seconds are set."""
    look = Look(condition="ok", first=first, longest=10)
    assert timedelta(seconds=1) <= pause(MailboxWatch(idle=idle), look) <= timedelta(hours=1)

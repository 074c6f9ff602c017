"""Taking a mail apart: what is attached, what is left out and why, whatever is broken in it."""

from __future__ import annotations

import time
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.mails.parsing import File, MailLimits, parse, read_head

XML, PDF, ZIP = b"<?xml version='1.0'?><a/>", b"%PDF-1.7 x", b"PK\x03\x04 x"


def made(**headers: str) -> EmailMessage:
    """A mail with a text."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "Sue <sue@supplier.example>"
    mail["Subject"] = "Invoice"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("Hello")
    mail.add_alternative("<p>Hello</p>", subtype="html")
    return mail


def attach(
    mail: EmailMessage, name: str | None, content: bytes, kind: str = "application/octet-stream"
) -> None:
    """Add a file."""
    main, _, sub = kind.partition("/")
    more: dict[str, Any] = {"filename": name} if name else {}
    mail.add_attachment(content, maintype=main, subtype=sub, **more)


def names(raw: bytes) -> list[str]:
    """The names of what was taken."""
    return [file.name for file in parse(raw).files]


def test_invoices_are_taken_and_the_text_is_not() -> None:
    """By name, by media type, or by the first bytes where neither says anything."""
    mail = made()
    attach(mail, "a.XML", XML)
    attach(mail, "b", XML, "application/xml")
    attach(mail, None, PDF, "application/pdf")
    attach(mail, None, PDF)
    attach(mail, None, ZIP)
    attach(mail, None, XML)
    attach(mail, "rechnung", b"\xef\xbb\xbf" + XML)
    found = parse(mail.as_bytes())
    assert found.fault == ""
    assert [file.name for file in found.files] == [
        "a.XML",
        "b.xml",
        "attachment-3.pdf",
        "attachment-4.pdf",
        "attachment-5.zip",
        "attachment-6.xml",
        "rechnung.xml",
    ]
    assert found.files[0].content == XML
    assert found.left_out == []


@pytest.mark.parametrize(
    ("name", "kind", "why"),
    [
        ("winmail.dat", "application/ms-tnef", "Outlook packed"),
        ("WINMAIL.DAT", "application/octet-stream", "Outlook packed"),
        ("logo.png", "image/png", "picture"),
        ("smime.p7m", "application/pkcs7-mime", "encrypted"),
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "no XML, PDF"),
        ("invite.ics", "text/calendar", "no XML, PDF"),
        ("a.exe", "application/octet-stream", "no XML, PDF"),
        ("a.xml", "application/xml", "empty"),
    ],
)
def test_what_is_no_invoice_is_told_by_name(name: str, kind: str, why: str) -> None:
    """The sender learns what to do."""
    mail = made()
    attach(mail, name, b"" if why == "empty" else b"x", kind)
    found = parse(mail.as_bytes())
    assert found.files == []
    (left,) = found.left_out
    assert left.name == name
    assert why in left.why


def test_picture_inside_of_the_text_is_told_as_such() -> None:
    """The logo of a signature."""
    mail = made()
    mail.add_attachment(b"x", maintype="image", subtype="png", disposition="inline", cid="<logo>")
    (left,) = parse(mail.as_bytes()).left_out
    assert "inside of the text" in left.why


def test_pdf_that_is_shown_inside_of_the_text_is_taken() -> None:
    """Some programs attach everything that way."""
    mail = made()
    mail.add_attachment(PDF, maintype="application", subtype="pdf", filename="a.pdf", disposition="inline")
    assert names(mail.as_bytes()) == ["a.pdf"]


def test_signature_of_a_mail_is_no_file() -> None:
    """It is there for programs."""
    mail = made()
    attach(mail, "smime.p7s", b"x", "application/pkcs7-signature")
    assert parse(mail.as_bytes()).left_out == []


def forwarded(depth: int) -> bytes:
    """A mail inside of a mail, so many times, with an invoice in the innermost."""
    mail = made()
    attach(mail, "inner.xml", XML)
    for _ in range(depth):
        outer = made()
        outer.add_attachment(mail)
        mail = outer
    return mail.as_bytes()


def test_mail_inside_a_mail_is_looked_into() -> None:
    """An invoice that was forwarded as an attachment; the sender is that of the outer mail."""
    assert names(forwarded(1)) == ["inner.xml"]
    assert names(forwarded(5)) == ["inner.xml"]


def test_mails_in_mails_without_end_are_refused() -> None:
    """With the depth that is allowed, and in no time."""
    assert "more than 5 deep" in parse(forwarded(6)).fault
    started = time.monotonic()
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(5000)
    )
    found = parse(b"From: sue@supplier.example\r\n" + nested + b"x\r\n" * 100_000)
    assert found.fault == "It has too many parts inside of each other."
    assert found.head.sender == "sue@supplier.example"
    assert time.monotonic() - started < 5


def test_headers_that_take_long_to_read_are_refused() -> None:
    """A hundred parts, each with a header that costs the library a fifth of a second."""
    part = b"--b\r\nContent-Type: " + b'x/y; a="' * 240 + b"\r\n\r\nx\r\n"
    started = time.monotonic()
    found = parse(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 100)
    assert found.fault == "The headers of its parts are too long."
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("nested", "fault"),
    [
        (b"Content-Type: multipart/mixed; boundary=%d\r\r--%d\r", "inside of each other"),
        (b"Content-Type: =?us-ascii?q?m=75ltipart?=/mixed; boundary=%d\n\n--%d\n", "inside of each other"),
        (b"Content-Type: \x1cmultipart/mixed; boundary=%d\n\n--%d\n", "inside of each other"),
        (
            b'--b\rContent-Type: x/y; a=%d "(%d' + b'"' * 1500 + b"\r\rx\r",
            "headers of its parts are too long",
        ),
        (
            b"--b\r\nContent-Type: x/y; a=%d(%d" + b"(" * 150 + b"\r\n\r\n",
            "headers of its parts are too long",
        ),
        (b"--b%d\n\n%d\n", "more than 1,000 parts"),
        (b"--b%d\r\r%d\r", "more than 1,000 parts"),
    ],
)
def test_limits_hold_however_lines_end_and_types_are_written(nested: bytes, fault: str) -> None:
    """The library ends a line at a bare CR, and reads encoded words and odd spaces in a type."""
    started = time.monotonic()
    many = b"".join(nested % (n, n) for n in range(6000))
    found = parse(b"From: sue@supplier.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + many)
    assert fault in found.fault
    assert time.monotonic() - started < 5


def test_too_many_lines_are_refused() -> None:
    """The library looks at all parts that are open for each of them."""
    started = time.monotonic()
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(50))
    assert parse(nested + b"\n" * 125_000).fault == "It has too many lines."
    assert parse(b"From: sue@supplier.example\n\n" + b"a:\n" * 1_600_000).fault == "It has too many lines."
    assert time.monotonic() - started < 5


def test_too_many_parts_and_files_are_refused() -> None:
    """A limit of each."""
    mail = made()
    for number in range(4):
        attach(mail, f"{number}.xml", XML)
    raw = mail.as_bytes()
    assert "more than 3 files" in parse(raw, MailLimits(files=3)).fault
    assert "more than 5 parts" in parse(raw, MailLimits(parts=5)).fault
    assert parse(raw).fault == ""


def _named(parameter: bytes) -> bytes:
    return (
        b"From: sue@supplier.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; " + parameter + b"\r\n\r\n"
        b"%PDF-1.7\r\n--b--\r\n"
    )


@pytest.mark.parametrize(
    ("parameter", "name"),
    [
        (b"filename*=utf-8''M%C3%BCller.pdf", "Müller.pdf"),
        (b"filename*0*=utf-8''M%C3%BC; filename*1=ller.pdf", "Müller.pdf"),
        (b'filename="=?utf-8?B?TcO8bGxlci5wZGY=?="', "Müller.pdf"),
        (b'filename="=?iso-8859-1?Q?M=FCller.pdf?="', "Müller.pdf"),
        ('filename="Müller.pdf"'.encode(), "Müller.pdf"),
        ('filename="Müller.pdf"'.encode("latin-1"), "M\ufffdller.pdf"),
        (b'filename="../../etc/passwd.pdf"', "passwd.pdf"),
        (b'filename="C:\\\\temp\\\\a.pdf"', "a.pdf"),
        (b'filename="a\x00b.pdf"', "a\ufffdb.pdf"),
        (b'filename="' + b"x" * 1500 + b'.pdf"', "x" * 188 + "…xxxxxxx.pdf"),
        (b"filename=" + b"x" * 5000 + b".pdf", "attachment-1.pdf"),
        (b"filename*=nonsense''%FF%FE.pdf", None),
        (b'filename="unfinished.pdf', None),
        (b"filename*=;;;=", None),
        (b"filename=", None),
    ],
)
def test_names_in_odd_encodings_are_read_or_replaced(parameter: bytes, name: str | None) -> None:
    """The file is taken whatever its name is; None: any name that ends right."""
    (found,) = parse(_named(parameter)).files
    assert found.content == b"%PDF-1.7"
    assert found.name.endswith(".pdf")
    assert name is None or found.name == name


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"no header at all",
        b"From: sue@supplier.example\r\nContent-Type: multipart/mixed\r\n\r\nx",
        b"From: sue@supplier.example\r\nContent-Type: ;;;\r\n\r\nx",
        b"From: sue@supplier.example\r\nContent-Type: text/plain; charset=nonsense\r\n\r\nx",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: applica",
        b"From: =?utf-8?b?broken\r\nSubject: =?nonsense?q?x?=\r\n\r\n",
        b"From: <\r\nTo: (((\r\nSubject: \xff\xfe\r\n\r\n",
        b"From: " + b"(" * 5000 + b"\r\n\r\n",
        b"From: " + b"a@b.example, " * 2000 + b"\r\n\r\n",
        b"Subject: " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"Content-Type: " + b'x/y; a="' * 200 + b"\r\n\r\nx",
        b"Content-Type: " + b"(" * 1900 + b"\r\n\r\nx",
        b"From: sue@supplier.example\r\nContent-Disposition: " + b"(" * 1900 + b"\r\n\r\nx",
        b"X: y\r\n" * 30_000 + b"\r\n",
    ],
)
def test_broken_mails_end_in_words(raw: bytes) -> None:
    """Nothing is raised, nothing is taken, and it takes no time."""
    started = time.monotonic()
    found = parse(raw)
    assert found.files == []
    read_head(raw)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("value", "sender"),
    [
        ("Sue <SUE@Supplier.Example>", "sue@supplier.example"),
        ('"a, b" <sue@supplier.example>', "sue@supplier.example"),
        ("sue@müller.example", "sue@xn--mller-kva.example"),
        ("sue@supplier.example, eve@elsewhere.example", None),
        ("Sue", None),
        ("", None),
        ("sue@supplier.example\r\nFrom: eve@elsewhere.example", None),
        ("\u0455ue@supplier.example", None),
        ('"sue@supplier.example" <eve@elsewhere.example>', "eve@elsewhere.example"),
    ],
)
def test_sender_is_one_address_or_nobody(value: str, sender: str | None) -> None:
    """What can be read in two ways is nobody's."""
    head = read_head(f"From: {value}\r\nSubject: x\r\n\r\n".encode())
    assert head.sender == sender
    assert bool(head.sender_fault) == (sender is None)


def test_head_without_a_sender_is_told() -> None:
    """There is no From at all."""
    assert read_head(b"Subject: x\r\n\r\n").sender_fault == "It has no sender (From)."


def test_words_of_the_head_are_cut_and_harmless() -> None:
    """They go onto a page, into a mail and into the storage."""
    head = read_head(
        b"From: =?utf-8?b?4oCuZXZl?= <eve@x.example>\r\nSubject: a\r\n b\x1b[2J" + b"x" * 500 + b"\r\n\r\n"
    )
    assert "\u202e" not in head.shown_sender
    assert "\x1b" not in head.subject
    assert len(head.subject) == 200


@given(st.binary(max_size=2000))
def test_no_bytes_break_it(raw: bytes) -> None:
    """Whatever comes."""
    parse(raw)
    read_head(raw)


_LINES = st.lists(
    st.sampled_from(
        [
            b"From: sue@supplier.example",
            b"From: =?utf-8?q?=FF?=",
            b"Content-Type: multipart/mixed; boundary=b",
            b"Content-Type: message/rfc822",
            b"Content-Type: application/pdf; name*0*=x''%",
            b'Content-Type: multipart/report; boundary="',
            b"Content-Disposition: attachment; filename*=utf-8''%C3",
            b"Content-Disposition: inline; filename=a.xml",
            b"Content-Transfer-Encoding: base64",
            b"Content-Transfer-Encoding: nonsense",
            b"--b",
            b"--b--",
            b"",
            b"PHg+",
            b"\xff\x00",
            b" folded",
            b"begin 644 a.xml",
        ]
    ),
    max_size=40,
)


@given(_LINES)
def test_no_order_of_lines_breaks_it(lines: list[bytes]) -> None:
    """Parts, headers and ends at all places."""
    found = parse(b"\r\n".join(lines))
    assert all(file.name and file.content for file in found.files)
    assert len({type(file) for file in found.files} | {File}) == 1

"""What comes in and is no plain invoice: opened where it can be, and else told by its name."""

from __future__ import annotations

import codecs
import gzip

import pytest

from invoicing.opening import MAX_BYTES, open_document
from invoicing.readers.named import what_a_file_is
from invoicing.safe_xml import BadDocument
from tests.official_rules import PROJECT, checker, needs_rules
from tests.unit.invoice_documents import cii, ubl

CASES = PROJECT.parent / "shared" / "cases" / "invoices"
SBDH = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"


def _refusal(content: bytes, name: str = "a.bin") -> tuple[str, str]:
    with pytest.raises(BadDocument) as caught:
        open_document(name, content)
    return caught.value.finding.rule, caught.value.finding.text


def _envelope(*documents: bytes) -> bytes:
    inside = b"".join(document.partition(b"?>")[2] or document for document in documents)
    return f'<StandardBusinessDocument xmlns="{SBDH}">'.encode() + inside + b"</StandardBusinessDocument>"


# ---------------------------------------------------------------- opened


@pytest.mark.parametrize("content", [ubl(), cii()], ids=["ubl", "cii"])
def test_invoice_is_read_through_gzip_envelope_and_doubled_mark(content: bytes) -> None:
    """Its syntax is what it is without them, and the envelope is no part of it."""
    plain = open_document("a.xml", content)
    for wrapped in (gzip.compress(content), _envelope(content), codecs.BOM_UTF8 * 2 + content):
        opened = open_document("a.xml", wrapped)
        assert (opened.syntax, opened.root.tag) == (plain.syntax, plain.root.tag)
        assert opened.root.getparent() is None


def test_gzip_is_opened_once_and_within_bounds() -> None:
    """A bomb, a part of one, one in another, and nothing in it: each in words, and quickly."""
    small = gzip.compress(ubl())
    assert _refusal(gzip.compress(b"<a>" * MAX_BYTES))[0] == "SETTLE-FILE-TOO-LARGE"
    assert "ends too early" in _refusal(small[:-20])[1]
    assert "damaged" in _refusal(b"\x1f\x8b\x08" + b"x" * 50)[1]
    assert "compressed twice" in _refusal(gzip.compress(small))[1]
    assert _refusal(gzip.compress(b" "))[0] == "SETTLE-FILE-EMPTY"


@pytest.mark.parametrize(
    ("documents", "told"), [((), "with no invoice"), ((ubl(), cii()), "with 2 invoices")]
)
def test_envelope_holds_one_invoice(documents: tuple[bytes, ...], told: str) -> None:
    """Which one is meant is not guessed."""
    assert told in _refusal(_envelope(*documents))[1]


# ---------------------------------------------------------------- told by name


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x89PNG\r\n\x1a\n", "picture (PNG)"),
        (b"\xff\xd8\xff\xe0 JFIF", "picture (JPEG)"),
        (b"GIF89a", "picture (GIF)"),
        (b"II*\x00 and so on", "picture (TIFF)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Outlook message"),
        (b"{\\rtf1 Rechnung}", "(RTF)"),
        (b"Rar!\x1a\x07", "RAR archive"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip archive"),
        (b"\x30\x82\x01\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0", "signed file"),
        (b"-----BEGIN PKCS7-----\nMIIB", "signed file"),
        (b"<!DOCTYPE html><html><body>Invoice</body></html>", "web page"),
        (b"<HTML><body>", "web page"),
        (b'{"invoice": 1}', "JSON"),
        (b"Received: from x\r\nFrom: a@b.example\r\n\r\nHello", "e-mail"),
        (b"From: a@b.example\r\nMIME-Version: 1.0\r\n\r\n", "e-mail"),
        (b'<p:FatturaElettronica xmlns:p="http://ivaservizi.agenziaentrate.gov.it/docs/xsd/fatture/v1.2"/>',
         "FatturaPA"),
        (b'<Faktura xmlns="http://crd.gov.pl/wzor/2023/06/29/12648/"/>', "KSeF"),
        (b'<f:Facturae xmlns:f="http://www.facturae.es/Facturae/2014/v3.2.1/Facturae"/>', "Facturae"),
        (b'<Invoice xmlns="urn:sfti:documents:BasicInvoice:1:0"/>', "Svefaktura"),
        (b'<Invoice xmlns="http://www.ebinterface.at/schema/6p1/"/>', "ebInterface"),
        (b'<Invoice xmlns="http://isdoc.cz/namespace/2013"/>', "ISDOC"),
        (b'<Finvoice Version="3.0"/>', "Finvoice"),
        (b'<cXML version="1.2"/>', "cXML"),
    ],
)  # fmt: skip
def test_file_of_another_kind_is_told_by_name(content: bytes, told: str) -> None:
    """And what to do; it said that the start of a tag was expected."""
    rule, text = _refusal(content)
    assert rule == "SETTLE-NOT-INVOICE"
    assert told in text
    assert text.count(".") >= 2, "what it is, and what to do"


def test_invoices_are_taken_for_nothing_else() -> None:
    """Nor is what nobody knows."""
    for content in (ubl(), cii(), b"\xef\xbb\xbf" + ubl(), ubl().decode().encode("utf-16"), b"some text"):
        assert what_a_file_is(content) is None


@needs_rules
@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the project")
@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("12-file-types/invoice.xml.gz", None),
        ("12-file-types/peppol-sbdh.xml", None),
        ("12-file-types/invoice.xml.p7m", "signed file"),
        ("12-file-types/mail.eml", "e-mail"),
        ("12-file-types/mail.msg", "Outlook message"),
        ("12-file-types/picture.png", "picture"),
        ("13-pdf-file-annotation/annotation.pdf", None),
        ("13-pdf-file-annotation/name-without-ending.pdf", None),
    ],
)
def test_public_files_are_read_or_told_by_name(file: str, told: str | None) -> None:
    """`None`: it is a valid invoice."""
    path = CASES / file
    found = checker().assess(path.name, path.read_bytes())
    assert found.outcome == ("valid" if told is None else "unreadable")
    assert told is None or told in found.findings[0].text

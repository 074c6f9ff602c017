"""Files that arrive and are no invoice that is read: what each is, and what to ask the sender for.

By content alone: the first bytes of a file, and the root element of XML. All looks are at a bounded piece.
"""

from __future__ import annotations

import re

#: Bytes of a file that are looked at.
_HEAD = 4096

_ASK = "Ask the sender for XRechnung, Factur-X, ZUGFeRD or another UBL or CII invoice."
_SIGNED = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"  # the id of signed data (CMS)

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", f"This is a picture (PNG), without the data of an invoice. {_ASK}"),
    (b"\xff\xd8\xff", f"This is a picture (JPEG), without the data of an invoice. {_ASK}"),
    (b"GIF8", f"This is a picture (GIF), without the data of an invoice. {_ASK}"),
    (b"II*\x00", f"This is a picture (TIFF), without the data of an invoice. {_ASK}"),
    (b"MM\x00*", f"This is a picture (TIFF), without the data of an invoice. {_ASK}"),
    (b"Rar!", "This is a RAR archive. Unpack it, and send the invoices in it, or a zip of them."),
    (b"7z\xbc\xaf\x27\x1c", "This is a 7-Zip archive. Unpack it, and send the invoices in it, or a zip."),
    (b"{\\rtf", f"This is a text document (RTF), not an invoice as data. {_ASK}"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "This is an Outlook message or an old Office file. Save the invoice that is attached, and send that.",
    ),
)
_HTML = re.compile(rb"\s*(?:<!--[^>]{0,500}-->\s*)?<(?:!doctype\s+html|html[\s>])", re.IGNORECASE)
_MAIL = re.compile(rb"(?im)^(?:received|mime-version|message-id|return-path|delivered-to):")
_PEM = re.compile(rb"-----BEGIN (?:PKCS7|CMS|PKCS #7 SIGNED DATA)-----")
_JSON = re.compile(rb"\s*[\[{]")

_NAMESPACES: tuple[tuple[str, str], ...] = (
    ("fatturapa.gov.it", "FatturaPA (Italy)"),
    ("fatturapa", "FatturaPA (Italy)"),
    ("crd.gov.pl/wzor", "KSeF FA (Poland)"),
    ("facturae", "Facturae (Spain)"),
    ("sfti:documents:basicinvoice", "Svefaktura (Sweden)"),
    ("ebinterface", "ebInterface (Austria)"),
    ("isdoc.cz", "ISDOC (Czechia)"),
    ("urn:oasis:names:tc:ubl:invoice:1", "UBL 1.0 or OIOXML (Denmark)"),
    ("rep.oio.dk", "OIOXML (Denmark)"),
)
_ROOTS: dict[str, str] = {
    "FatturaElettronica": "FatturaPA (Italy)",
    "Finvoice": "Finvoice (Finland)",
    "Facturae": "Facturae (Spain)",
    "cXML": "cXML",
}


def what_a_file_is(content: bytes) -> str | None:
    """Words for a file that is no XML, PDF, zip or gzip; None where nothing is known of it."""
    head = content[:_HEAD]
    for magic, words in _MAGIC:
        if head.startswith(magic):
            return words
    if head[:1] == b"\x30" and _SIGNED in head[:64]:
        return _signed()
    if _PEM.search(head):
        return _signed()
    if _HTML.match(head):
        return f"This is a web page (HTML), not an invoice as data. {_ASK}"
    text = head.removeprefix(b"\xef\xbb\xbf")
    if text.lstrip()[:1] == b"<":
        return None
    if _JSON.match(text):
        return f"This is JSON, not an invoice that is read here. {_ASK}"
    if _MAIL.search(head):
        return "This is an e-mail. Send what is attached to it, or have it sent to the mailbox of Settle."
    return None


def what_xml_is(namespace: str, name: str) -> str | None:
    """Words for XML of another standard, by its root element; None where it is not known."""
    small = namespace.casefold()
    standard = next((found for part, found in _NAMESPACES if part in small), None) or _ROOTS.get(name)
    return f"This is an invoice by {standard}, which is not read here. {_ASK}" if standard else None


def _signed() -> str:
    return (
        "This is a signed file (PKCS #7, often .p7m). Take the invoice out of it with the program that shows "
        "signatures, and send it without the envelope."
    )

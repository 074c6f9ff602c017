"""Documents for the end-to-end tests: good ones by the generator, bad ones made here."""

from __future__ import annotations

import io
import random
import struct
import zipfile

from pypdf import PdfWriter

from samples.generator import generate

Documents = list[tuple[str, bytes]]


def invoices(count: int) -> Documents:
    """Valid invoices that no host has seen: a host that somebody else started remembers earlier runs."""
    return list(generate(count, seed=random.SystemRandom().randrange(2**31)))


def zipped(documents: Documents, *, compressed: bool = True) -> bytes:
    """A zip of these documents in this order."""
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in documents:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return buffer.getvalue()


def plain_pdf() -> bytes:
    """A PDF of one empty page, with nothing embedded."""
    return _pdf(PdfWriter())


def encrypted_pdf() -> bytes:
    """A PDF that asks for a password."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.encrypt("secret", algorithm="RC4-128")
    return _pdf(writer)


def _pdf(writer: PdfWriter) -> bytes:
    if not writer.pages:
        writer.add_blank_page(200, 200)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def with_doctype(xml: bytes, subset: str) -> bytes:
    """The document with a DOCTYPE of this internal subset."""
    head, _, rest = xml.partition(b"?>")
    return head + b"?>\n<!DOCTYPE Invoice [" + subset.encode() + b"]>" + rest


def lying_zip(name: str, content: bytes, claimed: int) -> bytes:
    """A zip whose one member says in both of its headers that it has `claimed` bytes."""
    body = bytearray(zipped([(name, content)]))
    at = body.index(b"PK\x01\x02")
    struct.pack_into("<L", body, at + 24, claimed)
    struct.pack_into("<L", body, 22, claimed)
    return bytes(body)

"""From bytes to a parsed document: what a file is, and its XML, with or without a PDF around it."""

from __future__ import annotations

import codecs
import zlib
from dataclasses import dataclass

from invoicing.archive import DEFAULT_LIMITS
from invoicing.findings import finding
from invoicing.model import Invoice, Kind
from invoicing.readers import cii, ubl
from invoicing.readers.detect import Syntax, is_gzip, is_pdf, is_zip, syntax_of, unwrapped
from invoicing.readers.named import what_a_file_is
from invoicing.safe_xml import BadDocument, Element, parse

MAX_BYTES = DEFAULT_LIMITS.max_document
"""Size limit of a document, also of the XML inside a PDF."""


# Of zlib: a gzip header stands in front.
_GZIP = 31


@dataclass(frozen=True)
class Opened:
    """A document that was parsed: its root element, its syntax, and the form it came in."""

    root: Element
    syntax: Syntax
    kind: Kind


def open_document(name: str, content: bytes) -> Opened:
    """Find out what a file is and parse it; raises `BadDocument`.

    ``name`` is only for messages: what a file is, its content says.
    """
    if not content.strip():
        raise BadDocument(finding("SETTLE-FILE-EMPTY"))
    if len(content) > MAX_BYTES:
        size = f"{len(content) / 1024 / 1024:.1f} MiB"
        raise BadDocument(
            finding("SETTLE-FILE-TOO-LARGE", f"The file has {size}; {MAX_BYTES >> 20} MiB are the limit.")
        )
    if is_gzip(content):
        content = _decompressed(name, content)
    if is_pdf(content):
        return _inside_pdf(content)
    if is_zip(content):
        raise BadDocument(
            finding("SETTLE-NOT-INVOICE", f"{name} is a zip archive or an Office file, not an invoice.")
        )
    if words := what_a_file_is(content):
        raise BadDocument(finding("SETTLE-NOT-INVOICE", words))
    root = unwrapped(parse(_with_one_mark(content)))
    syntax = syntax_of(root)
    return Opened(root, syntax, syntax)


def _with_one_mark(content: bytes) -> bytes:
    """Some programs write the byte-order mark of UTF-8 twice."""
    doubled = content.startswith(codecs.BOM_UTF8 * 2)
    return content.removeprefix(codecs.BOM_UTF8) if doubled else content


def _decompressed(name: str, content: bytes) -> bytes:
    """What is inside of a gzip file, once and within the limit. Raises `BadDocument`."""
    unpacking = zlib.decompressobj(wbits=_GZIP)
    try:
        data = unpacking.decompress(content, MAX_BYTES + 1)
    except zlib.error as error:
        text = f"{name} is a damaged gzip file. Send it again, or without compression."
        raise BadDocument(finding("SETTLE-NOT-INVOICE", text)) from error
    if len(data) > MAX_BYTES:
        text = f"The file inside of the gzip file has more than {MAX_BYTES >> 20} MiB."
        raise BadDocument(finding("SETTLE-FILE-TOO-LARGE", text))
    if not unpacking.eof:
        text = f"{name} is a gzip file that ends too early. Send it again."
        raise BadDocument(finding("SETTLE-NOT-INVOICE", text))
    if is_gzip(data):
        text = f"{name} is compressed twice. Send the invoice itself."
        raise BadDocument(finding("SETTLE-NOT-INVOICE", text))
    if not data.strip():
        raise BadDocument(finding("SETTLE-FILE-EMPTY"))
    return data


def read_invoice(name: str, content: bytes) -> Invoice | None:
    """Read a document without checking it, to show it; None where it is not an invoice that can be read."""
    try:
        opened = open_document(name, content)
    except BadDocument:
        return None
    reader = cii if opened.syntax == "cii" else ubl
    return reader.read(opened.root, opened.kind)[0]


def _inside_pdf(content: bytes) -> Opened:
    # Most documents are XML, and the PDF reader takes more memory than all other readers together.
    from invoicing.readers.pdf import embedded_invoice

    root, syntax = embedded_invoice(content, MAX_BYTES)
    return Opened(root, syntax, "pdf-cii" if syntax == "cii" else "pdf-ubl")

"""From bytes to a parsed document: what a file is, and its XML, with or without a PDF around it."""

from __future__ import annotations

from dataclasses import dataclass

from invoicing.archive import DEFAULT_LIMITS
from invoicing.findings import finding
from invoicing.model import Invoice, Kind
from invoicing.readers import cii, ubl
from invoicing.readers.detect import Syntax, is_pdf, is_zip, syntax_of
from invoicing.safe_xml import BadDocument, Element, parse

MAX_BYTES = DEFAULT_LIMITS.max_document
"""Size limit of a document, also of the XML inside a PDF."""


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
    if is_pdf(content):
        return _inside_pdf(content)
    if is_zip(content):
        raise BadDocument(
            finding("SETTLE-NOT-INVOICE", f"{name} is a zip archive or an Office file, not an invoice.")
        )
    root = parse(content)
    syntax = syntax_of(root)
    return Opened(root, syntax, syntax)


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

"""PDF with an invoice as data inside: Factur-X, ZUGFeRD 2 and XRechnung, by the files that it embeds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from io import BytesIO

from lxml import etree
from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError
from pypdf.generic import ArrayObject, DictionaryObject, EmbeddedFile

from invoicing.findings import finding
from invoicing.readers.detect import Syntax, syntax_of
from invoicing.safe_xml import BadDocument, parse

KNOWN_NAMES = ("factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml")
"""Names that the standards give to the invoice; files in the wild have them in any casing."""

_MAX_ATTACHMENTS = 200
_SHOWN = 5

# pypdf logs each flaw it reads around. A batch of thousands of PDFs would drown the log in them, and what
# makes a file unreadable becomes a finding anyway.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def embedded_invoice(content: bytes, max_bytes: int) -> tuple[etree._Element, Syntax]:
    """Return the root element of the invoice inside a PDF, and its syntax.

    Files with a name of `KNOWN_NAMES` come first, then any other XML file, by its content. Raises
    `BadDocument`: damaged, encrypted, or without an invoice. ``max_bytes`` bounds the embedded
    file after decompression.
    """
    failure: BadDocument | None = None
    names: list[str] = []
    for name, data in _attachments(content, max_bytes):
        names.append(name)
        try:
            root = parse(data)
            return root, syntax_of(root)
        except BadDocument as error:
            # What is wrong with the invoice is worth telling; that some other file is no invoice is not.
            if failure is None and name.casefold() in KNOWN_NAMES:
                failure = error
    raise failure or BadDocument(finding("SETTLE-PDF-NO-INVOICE", _none_found(names)))


def _attachments(content: bytes, max_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the embedded XML files, those with a known name first."""
    try:
        files = sorted(_xml_files(_open(content)), key=lambda file: file[0].casefold() not in KNOWN_NAMES)
        for name, file in files:
            data = file.content
            if len(data) > max_bytes:
                raise BadDocument(finding("SETTLE-FILE-TOO-LARGE", f"{name} inside the PDF is too large."))
            yield name, data
    except (BadDocument, MemoryError):
        raise
    except (DependencyError, FileNotDecryptedError):
        raise BadDocument(finding("SETTLE-PDF-ENCRYPTED")) from None
    except Exception as error:
        raise BadDocument(
            finding("SETTLE-PDF-BROKEN", f"The PDF is damaged: {_first_line(error)}.")
        ) from error


def _open(content: bytes) -> PdfReader:
    reader = PdfReader(BytesIO(content), strict=False)
    # Many PDFs are encrypted against changes only and open with the empty password.
    if reader.is_encrypted and not reader.decrypt(""):
        raise BadDocument(finding("SETTLE-PDF-ENCRYPTED"))
    return reader


def _xml_files(reader: PdfReader) -> list[tuple[str, EmbeddedFile]]:
    """List embedded files that may be XML, by name or media type, each once."""
    found: dict[int, tuple[str, EmbeddedFile]] = {}
    for count, file in enumerate(_all_files(reader)):
        if count >= _MAX_ATTACHMENTS:
            break
        if "/EF" not in file.pdf_object:
            continue  # a reference to a file elsewhere
        name = str(file.alternative_name or file.name)
        if name.casefold().endswith(".xml") or "xml" in str(file.subtype or ""):
            found.setdefault(id(file.pdf_object), (name, file))
    return list(found.values())


def _all_files(reader: PdfReader) -> Iterator[EmbeddedFile]:
    """Yield the files of the name tree, then those of /AF (PDF/A-3), which some writers list alone."""
    yield from reader.attachment_list
    associated = reader.root_object.get("/AF")
    entries = associated.get_object() if associated is not None else None
    for entry in entries if isinstance(entries, ArrayObject) else ():
        specification = entry.get_object()
        if isinstance(specification, DictionaryObject):
            yield EmbeddedFile(name="", pdf_object=specification)


def _none_found(names: list[str]) -> str:
    if not names:
        return (
            "The PDF embeds no XML file: it is a picture of an invoice, without the data. "
            "Ask the sender for Factur-X, ZUGFeRD or XRechnung."
        )
    shown = ", ".join(names[:_SHOWN])
    return f"None of the XML files inside the PDF is an invoice: {shown}."


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")

"""PDF with an invoice as data inside: Factur-X, ZUGFeRD 2 and XRechnung, by the files that it embeds."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError
from pypdf.generic import ArrayObject, DictionaryObject, EmbeddedFile, NameObject, PdfObject, StreamObject

from invoicing.findings import finding
from invoicing.readers import cii, ubl
from invoicing.readers.detect import Syntax, syntax_of
from invoicing.readers.pdf_work import MAX_STEPS, BoundedReader, TooMuchWork, Work, bounded, packed
from invoicing.safe_xml import BadDocument, Element, parse

KNOWN_NAMES = ("factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml")
"""Names that the standards give to the invoice; files in the wild have them in any casing."""

_WITHOUT_ENDING = frozenset(name.removesuffix(".xml") for name in KNOWN_NAMES)
_MAX_ATTACHMENTS = 200
_MAX_PAGES = 500
"""Pages whose annotations are looked at for a file, where none is embedded as it should be."""
_MAX_NODES = 1000
"""Nodes of the tree of names, and entries of one list, that are looked at."""

_TIMES_UNPACKED = 2
"""What all embedded files together may have, as a multiple of what one may."""

_SHOWN = 5

# pypdf logs each flaw it reads around. A batch of thousands of PDFs would drown the log in them, and what
# makes a file unreadable becomes a finding anyway.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class _Packed:
    """An embedded file as it lies in the PDF; ``filters`` say how it was packed, the outermost first."""

    name: str
    data: bytes
    filters: tuple[str, ...]

    @property
    def has_known_name(self) -> bool:
        return self.name.casefold() in KNOWN_NAMES or self.name.casefold() in _WITHOUT_ENDING


def embedded_invoice(content: bytes, max_bytes: int) -> tuple[Element, Syntax]:
    """Return the root element of the invoice inside a PDF, and its syntax.

    Files with a name of `KNOWN_NAMES` count, where there are some, else any other XML file, by its content.
    Raises `BadDocument`: damaged, encrypted, without an invoice, with several that are not the same, or more
    work than a PDF may make. ``max_bytes`` bounds the embedded file after decompression, and twice as much
    all of them together.
    """
    files = _files_in(content)
    known = [file for file in files if file.has_known_name]
    found = _invoices(known or files, max_bytes, named=bool(known))
    if not found:
        raise BadDocument(finding("SETTLE-PDF-NO-INVOICE", _none_found(files)))
    first = found[0]
    other = next((one for one in found[1:] if _what_it_asks(one) != _what_it_asks(first)), None)
    if other is not None:
        text = (
            f"The PDF embeds two different invoices, {first.name} and {other.name}. "
            "Send each in a file of its own, or as XML."
        )
        raise BadDocument(finding("SETTLE-PDF-SEVERAL", text))
    return first.root, first.syntax


@dataclass(frozen=True)
class _Found:
    """An invoice inside a PDF, and the name of its file."""

    name: str
    root: Element
    syntax: Syntax


def _invoices(files: list[_Packed], max_bytes: int, *, named: bool) -> list[_Found]:
    """The invoices among files. Raises `BadDocument` where one that should be an invoice is none.

    `named`: they have the names of invoices, so what is wrong with one is told, and no other taken for it.
    """
    found: list[_Found] = []
    failures: list[BadDocument] = []
    left = _TIMES_UNPACKED * max_bytes
    for file in files:
        try:
            data = _unpacked(file, min(max_bytes, left))
        except BadDocument as error:
            failures.append(error)
            continue
        left -= len(data)
        try:
            root = parse(data)
            found.append(_Found(file.name, root, syntax_of(root)))
        except BadDocument as error:
            # What is wrong with the invoice is worth telling; that some other file is no invoice is not.
            failures += [error] if named else []
    if failures and (named or not found):
        raise failures[0]
    return found


def _what_it_asks(found: _Found) -> tuple[object, ...]:
    """What two embedded files have in common where they are one invoice in two forms."""
    reader = cii if found.syntax == "cii" else ubl
    invoice, _ = reader.read(found.root, found.syntax)
    return invoice.number, invoice.currency, invoice.totals.payable


def _unpacked(file: _Packed, most: int) -> bytes:
    """The content of an embedded file; raises `BadDocument` where it is too long, or packed in an odd way."""
    if not file.filters:
        data = file.data[: most + 1]
    elif file.filters == ("/FlateDecode",):
        try:
            data = zlib.decompressobj().decompress(file.data, most + 1)
        except zlib.error as error:
            text = f"{file.name} inside the PDF is damaged: {error}."
            raise BadDocument(finding("SETTLE-PDF-BROKEN", text)) from None
    else:
        ways = " ".join(file.filters)
        text = f"{file.name} inside the PDF is packed in a way that is not read ({ways}). Use FlateDecode."
        raise BadDocument(finding("SETTLE-PDF-FILTER", text))
    if len(data) > most:
        raise BadDocument(finding("SETTLE-FILE-TOO-LARGE", f"{file.name} inside the PDF is too large."))
    return data


# ---------------------------------------------------------------- the files in a PDF


def _files_in(content: bytes) -> list[_Packed]:
    """Read the PDF as far as its embedded XML files; raises `BadDocument`."""
    work = Work(MAX_STEPS)
    try:
        with bounded(work):
            return _xml_files(_open(content, work))
    except (BadDocument, MemoryError):
        raise
    except (TooMuchWork, LimitReachedError):
        raise BadDocument(finding("SETTLE-PDF-LIMIT")) from None
    except (DependencyError, FileNotDecryptedError):
        raise BadDocument(finding("SETTLE-PDF-ENCRYPTED")) from None
    except Exception as error:
        raise BadDocument(
            finding("SETTLE-PDF-BROKEN", f"The PDF is damaged: {_first_line(error)}.")
        ) from error


def _open(content: bytes, work: Work) -> BoundedReader:
    reader = BoundedReader(content, work)
    # Many PDFs are encrypted against changes only and open with the empty password.
    if reader.is_encrypted and not reader.decrypt(""):
        raise BadDocument(finding("SETTLE-PDF-ENCRYPTED"))
    return reader


def _xml_files(reader: BoundedReader) -> list[_Packed]:
    """List embedded files that may be XML, by name or media type, each content once."""
    # The pages of a PDF may be many: they are gone through only where no file is embedded as it should be.
    return _xml_files_among(_specifications(reader)) or _xml_files_among(_annotated(reader))


def _xml_files_among(specifications: Iterator[tuple[str, DictionaryObject]]) -> list[_Packed]:
    found: dict[int, _Packed] = {}
    others = 0
    for title, specification in islice(specifications, _MAX_NODES):
        file = EmbeddedFile(title, specification)
        stream = _stream_of(specification)
        if stream is None or id(stream) in found:
            continue
        name = str(file.alternative_name or file.name)
        is_known = name.casefold() in KNOWN_NAMES or name.casefold() in _WITHOUT_ENDING
        others += not is_known
        if not is_known and others > _MAX_ATTACHMENTS:
            continue  # the invoice may still come
        if is_known or name.casefold().endswith(".xml") or "xml" in str(file.subtype or ""):
            found[id(stream)] = _Packed(name, packed(stream), _filters(stream))
    return list(found.values())


def _specifications(reader: BoundedReader) -> Iterator[tuple[str, DictionaryObject]]:
    """Yield title and file specification of the files in the tree of names, then those of /AF (PDF/A-3),
    which some writers list alone.
    """
    yield from _named(_resolved(reader.root_object.get("/Names")))
    for entry in _listed(reader.root_object, "/AF"):
        specification = _resolved(entry)
        if isinstance(specification, DictionaryObject):
            yield "", specification


def _annotated(reader: BoundedReader) -> Iterator[tuple[str, DictionaryObject]]:
    """Files that are pinned to a page, as some programs attach them."""
    for page in islice(reader.pages, _MAX_PAGES):
        for annotation in map(_resolved, _listed(page, "/Annots")):
            if isinstance(annotation, DictionaryObject) and annotation.get("/Subtype") == "/FileAttachment":
                specification = _resolved(annotation.get("/FS"))
                if isinstance(specification, DictionaryObject):
                    yield "", specification


def _named(names: Any) -> Iterator[tuple[str, DictionaryObject]]:
    """Walk the tree of names: each node once, and not more of them than there ever are."""
    waiting = [names.get("/EmbeddedFiles")] if isinstance(names, DictionaryObject) else []
    seen: set[int] = set()
    for _ in range(_MAX_NODES):
        node = _resolved(waiting.pop()) if waiting else None
        if not isinstance(node, DictionaryObject) or id(node) in seen:
            continue
        seen.add(id(node))
        waiting += reversed(_listed(node, "/Kids"))
        title = ""
        for entry in map(_resolved, _listed(node, "/Names")):
            if isinstance(entry, str):
                title = entry
            elif isinstance(entry, DictionaryObject):
                yield title, entry


def _stream_of(specification: DictionaryObject) -> StreamObject | None:
    """The stream with a file's content; None where the specification is of a file elsewhere."""
    contents = _resolved(specification.get("/EF"))
    if not isinstance(contents, DictionaryObject):
        return None
    stream = _resolved(contents.get("/UF") or contents.get("/F"))
    return stream if isinstance(stream, StreamObject) else None


def _filters(stream: StreamObject) -> tuple[str, ...]:
    """The names of a stream's filters; one that works with a predictor is followed by ``/Predictor``."""
    found = _resolved(stream.get("/Filter"))
    names = [found] if isinstance(found, NameObject) else _listed(stream, "/Filter")
    settings = _resolved(stream.get("/DecodeParms"))
    each = _listed(stream, "/DecodeParms") if isinstance(settings, ArrayObject) else [settings]
    predicted = any(
        isinstance(one, DictionaryObject) and _resolved(one.get("/Predictor", 1)) != 1
        for one in map(_resolved, each)
    )
    return (*(str(_resolved(name))[:40] for name in names[:20]), *(["/Predictor"] if predicted else []))


def _listed(parent: DictionaryObject, key: str) -> list[Any]:
    """The entries of an array, as far as it is one and not endless; those may be references."""
    array = _resolved(parent.get(key))
    return list(islice(array, _MAX_NODES)) if isinstance(array, ArrayObject) else []


def _resolved(value: Any) -> Any:
    """What a reference refers to; anything else as it is."""
    return value.get_object() if isinstance(value, PdfObject) else value


def _none_found(files: list[_Packed]) -> str:
    if not files:
        return (
            "The PDF embeds no XML file: it is a picture of an invoice, without the data. "
            "Ask the sender for Factur-X, ZUGFeRD or XRechnung."
        )
    shown = ", ".join(file.name for file in files[:_SHOWN])
    return f"None of the XML files inside the PDF is an invoice: {shown}."


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")

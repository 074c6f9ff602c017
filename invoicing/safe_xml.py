"""Parsing XML from outside without letting it do anything: no DTD, no entities, no network, bounded size.

A DOCTYPE is refused instead of ignored: no invoice needs one, and without it there are no entities, so no
external files and no blow-up. Comments and processing instructions are dropped, so that a value that is split
by a comment (``12<!-- -->3``) reads the same here as in the official rules.

Everything that is wrong raises `BadDocument` with a finding in it; the caller turns it into a result.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from lxml import etree

from invoicing.findings import Finding, finding

MAX_DEPTH = 100
"""Levels of elements. Real invoices have about 15; the XML parser inside Saxon stops at 100."""

MAX_TAGS = 1_000_000
"""Start and end tags. An invoice of 10,000 lines has 600,000; each costs about 100 bytes of memory."""

MAX_ATTRIBUTES = 500_000
"""Equals signs, hence attributes. An invoice of 10,000 lines has about 100,000; each costs 400 bytes."""

_LONG_TEXT = 9_000_000
"""libxml2 refuses text nodes over 10 MB unless told otherwise; an attachment may be longer."""

_LONGEST_DECLARATION = 1000
_DECLARATION = re.compile(rb"(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?<\?xml[ \t\r\n]")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([^\"']*)")
_PLAIN_ENCODING = re.compile(
    rb"utf-?(8|(16|32)-?(le|be)?)|(us-)?ascii|iso[-_]?8859-[0-9]{1,2}|latin-?[0-9]|(windows-|cp)125[0-9]",
    re.IGNORECASE,
)
_EBCDIC = b"\x4c\x6f\xa7\x94"
"""``<?xm`` in EBCDIC, which libxml2 recognises without being told."""

_COUNTED = 10_000
"""Siblings that are counted to tell which one an element is."""

_PROLOG_ENDS = {b"<!--": b"-->", b"<?": b"?>"}
"""What may stand before a document's first element or DOCTYPE, by its beginning, and how it ends."""

_TOO_DEEP = etree.XPath("boolean(/" + "*/" * MAX_DEPTH + "*)")
_RESOURCE_LIMIT = 114
"""libxml2's XML_ERR_RESOURCE_LIMIT: nesting, text length or name length."""


#: An element of a document; lxml has no public name for its type.
Element = etree._Element  # pyright: ignore[reportPrivateUsage]


class BadDocument(Exception):
    """A file that cannot be read as an invoice; ``finding`` says why, in words for the sender."""

    def __init__(self, found: Finding) -> None:
        super().__init__(found.text)
        self.finding = found


def parse(content: bytes) -> Element:
    """Parse a document and return its root element; raises `BadDocument`.

    Encodings in which markup is ASCII are taken, with or without a byte-order mark: UTF-8, UTF-16, UTF-32,
    ISO 8859 and those of Windows. In others, limits could not be seen before the parser has done its work.
    """
    _check_limits(content)
    text = _narrow(content)
    _check_encoding(text)
    if _has_doctype(text):
        raise BadDocument(finding("SETTLE-XML-DTD"))
    root = _parse(content)
    # The scan above is by bytes; this is the parser's own word, whatever the encoding.
    internal: Any = root.getroottree().docinfo.internalDTD
    if internal is not None:
        raise BadDocument(finding("SETTLE-XML-DTD"))
    if _TOO_DEEP(root):
        raise BadDocument(finding("SETTLE-XML-LIMIT", f"The XML is nested over {MAX_DEPTH} levels deep."))
    return root


def to_text(root: Element) -> str:
    """Write the document anew as text for Saxon: no byte-order mark, no declaration, nothing to resolve."""
    return etree.tostring(root, encoding="unicode")


def local_name(element: Element) -> str:
    """Return the element's name without its namespace."""
    return etree.QName(element).localname


def place_of(element: Element) -> str:
    """Return a short path to the element, such as ``/Invoice/InvoiceLine[2]/ID``; for findings."""
    steps: list[str] = []
    node: Element | None = element
    while node is not None:
        steps.append(local_name(node) + _number_among_siblings(node))
        node = node.getparent()
    return "/" + "/".join(reversed(steps))


def _number_among_siblings(node: Element) -> str:
    """``[2]`` for the second of its name, nothing for the only one; counted up to a limit."""
    before = sum(1 for _ in islice(node.itersiblings(node.tag, preceding=True), _COUNTED))
    if before == _COUNTED:
        return f"[after {_COUNTED:,}]"
    alone = before == 0 and next(node.itersiblings(node.tag), None) is None
    return "" if alone else f"[{before + 1}]"


def _parser(long_text: bool) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=long_text,
        remove_comments=True,
        remove_pis=True,
    )


def _parse(content: bytes) -> Element:
    try:
        return etree.fromstring(content, _parser(long_text=len(content) > _LONG_TEXT))
    except etree.XMLSyntaxError as error:
        raise BadDocument(_syntax_finding(error)) from None
    except (ValueError, LookupError) as error:
        raise BadDocument(finding("SETTLE-XML-BROKEN", f"The file is not readable XML: {error}.")) from None


def _syntax_finding(error: etree.XMLSyntaxError) -> Finding:
    line = f"line {error.lineno}" if error.lineno else None
    if getattr(error, "code", None) == _RESOURCE_LIMIT:
        return finding("SETTLE-XML-LIMIT", f"The XML is out of bounds: {error.msg}.", line)
    return finding(
        "SETTLE-XML-BROKEN", f"The file is not well-formed XML: {error.msg or 'no content'}.", line
    )


def _check_limits(content: bytes) -> None:
    """Refuse what would cost the parser too much memory. Raises `BadDocument`."""
    for sign, most, what in ((b"<", MAX_TAGS, "tags"), (b"=", MAX_ATTRIBUTES, "attributes")):
        if content.count(sign) > most:
            raise BadDocument(finding("SETTLE-XML-LIMIT", f"The XML has more than {most:,} {what}."))


def _check_encoding(text: bytes) -> None:
    """Refuse an encoding in which markup is not ASCII. Raises `BadDocument`."""
    head = text[:_LONGEST_DECLARATION]
    declared = _ENCODING.search(head, 0, _declaration_end(head)) if _DECLARATION.match(head) else None
    if declared and not _PLAIN_ENCODING.fullmatch(declared[1]):
        name = declared[1].decode("ascii", "replace")
        raise BadDocument(finding("SETTLE-XML-BROKEN", f"The encoding {name} is not read. Use UTF-8."))
    if head.startswith(_EBCDIC):
        raise BadDocument(finding("SETTLE-XML-BROKEN", "The encoding EBCDIC is not read. Use UTF-8."))


def _declaration_end(head: bytes) -> int:
    """Where the XML declaration ends. Raises `BadDocument` for one that goes on and on."""
    end = head.find(b"?>")
    if end < 0:
        raise BadDocument(finding("SETTLE-XML-BROKEN", "The XML declaration has no end."))
    return end


def _has_doctype(text: bytes) -> bool:
    """Look through what stands before the first element, each byte once: one pass, whatever is in there."""
    at = text.find(b"<")
    while at >= 0 and not text.startswith(b"<!DOCTYPE", at):
        after = _after_prolog_item(text, at)
        at = -1 if after is None else text.find(b"<", after)
    return at >= 0


def _after_prolog_item(text: bytes, at: int) -> int | None:
    """Where the comment or instruction at a place ends; None where there is none, or it has no end."""
    for begin, end in _PROLOG_ENDS.items():
        if text.startswith(begin, at):
            closed = text.find(end, at + len(begin))
            return None if closed < 0 else closed + len(end)
    return None


def _narrow(content: bytes) -> bytes:
    """Drop the zero bytes of UTF-16 and UTF-32, so that markup can be looked for in one form."""
    return content.replace(b"\0", b"") if b"\0" in content[:64] else content

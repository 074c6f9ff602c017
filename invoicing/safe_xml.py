"""Parsing XML from outside without letting it do anything: no DTD, no entities, no network, bounded size.

A DOCTYPE is refused instead of ignored: no invoice needs one, and without it there are no entities, so no
external files and no blow-up. Comments and processing instructions are dropped, so that a value that is split
by a comment (``12<!-- -->3``) reads the same here as in the official rules.

Everything that is wrong raises `BadDocument` with a finding in it; the caller turns it into a result.
"""

from __future__ import annotations

import re

from lxml import etree

from invoicing.findings import Finding, finding

MAX_DEPTH = 100
"""Levels of elements. Real invoices have about 15; the XML parser inside Saxon stops at 100."""

MAX_TAGS = 1_000_000
"""Start and end tags. An invoice of 10,000 lines has 600,000; each costs about 100 bytes of memory."""

_LONG_TEXT = 9_000_000
"""libxml2 refuses text nodes over 10 MB unless told otherwise; an attachment may be longer."""

_PROLOG_ITEM = re.compile(rb"<!--.*?-->|<\?.*?\?>|<!DOCTYPE|<[^!?]", re.DOTALL)
_TOO_DEEP = etree.XPath("boolean(/" + "*/" * MAX_DEPTH + "*)")
_RESOURCE_LIMIT = 114
"""libxml2's XML_ERR_RESOURCE_LIMIT: nesting, text length or name length."""


class BadDocument(Exception):
    """A file that cannot be read as an invoice; ``finding`` says why, in words for the sender."""

    def __init__(self, found: Finding) -> None:
        super().__init__(found.text)
        self.finding = found


def parse(content: bytes) -> etree._Element:
    """Parse a document and return its root element; raises `BadDocument`.

    Any encoding that libxml2 knows is taken, with or without a byte-order mark.
    """
    if _has_doctype(content):
        raise BadDocument(finding("SETTLE-XML-DTD"))
    if _tag_count(content) > MAX_TAGS:
        raise BadDocument(finding("SETTLE-XML-LIMIT", f"The XML has more than {MAX_TAGS:,} tags."))
    root = _parse(content)
    # The scan above is by bytes; this is the parser's own word, whatever the encoding.
    if root.getroottree().docinfo.internalDTD is not None:
        raise BadDocument(finding("SETTLE-XML-DTD"))
    if _TOO_DEEP(root):
        raise BadDocument(finding("SETTLE-XML-LIMIT", f"The XML is nested over {MAX_DEPTH} levels deep."))
    return root


def to_text(root: etree._Element) -> str:
    """Write the document anew as text for Saxon: no byte-order mark, no declaration, nothing to resolve."""
    return etree.tostring(root, encoding="unicode")


def local_name(element: etree._Element) -> str:
    """Return the element's name without its namespace."""
    return etree.QName(element).localname


def place_of(element: etree._Element) -> str:
    """Return a short path to the element, such as ``/Invoice/InvoiceLine[2]/ID``; for findings."""
    steps: list[str] = []
    node: etree._Element | None = element
    while node is not None:
        before = sum(1 for _ in node.itersiblings(node.tag, preceding=True))
        alone = before == 0 and next(node.itersiblings(node.tag), None) is None
        steps.append(local_name(node) + ("" if alone else f"[{before + 1}]"))
        node = node.getparent()
    return "/" + "/".join(reversed(steps))


def _parser(long_text: bool) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=long_text,
        remove_comments=True,
        remove_pis=True,
    )


def _parse(content: bytes) -> etree._Element:
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


def _has_doctype(content: bytes) -> bool:
    for item in _PROLOG_ITEM.finditer(_narrow(content)):
        if item[0] == b"<!DOCTYPE":
            return True
        if not item[0].startswith((b"<!--", b"<?")):
            return False
    return False


def _tag_count(content: bytes) -> int:
    return content.count(b"<")


def _narrow(content: bytes) -> bytes:
    """Drop the zero bytes of UTF-16 and UTF-32, so that markup can be looked for in one form."""
    return content.replace(b"\0", b"") if b"\0" in content[:64] else content

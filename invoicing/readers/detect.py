"""What a file is: by its content, since names and media types of files from outside prove nothing."""

from __future__ import annotations

import copy
from typing import Literal

from lxml import etree

from invoicing.findings import finding
from invoicing.readers.named import what_xml_is
from invoicing.safe_xml import BadDocument, Element

Syntax = Literal["ubl-invoice", "ubl-credit-note", "cii"]

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
CII = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"

_SYNTAXES: dict[str, Syntax] = {
    f"{{{UBL}Invoice-2}}Invoice": "ubl-invoice",
    f"{{{UBL}CreditNote-2}}CreditNote": "ubl-credit-note",
    f"{{{CII}}}CrossIndustryInvoice": "cii",
}
_ENVELOPE = "{http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader}StandardBusinessDocument"
_ZUGFERD_1 = "urn:ferd:CrossIndustryDocument:invoice:1p0"
_ORDER_X = "SCRDMCCBDACIOMessageStructure"
_PDF_HEADER_WITHIN = 1024
_ZIP_MAGIC = b"PK\x03\x04"


def is_pdf(content: bytes) -> bool:
    """Tell whether a file is a PDF; like PDF readers, allow some bytes before the header."""
    return b"%PDF-" in content[:_PDF_HEADER_WITHIN] and content.lstrip()[:1] != b"<"


def is_gzip(content: bytes) -> bool:
    """Tell whether a file is compressed by gzip."""
    return content.startswith(b"\x1f\x8b\x08")


def is_zip(content: bytes) -> bool:
    """Tell whether a file is a zip archive (so are .docx and .xlsx)."""
    return content.startswith(_ZIP_MAGIC)


def unwrapped(root: Element) -> Element:
    """The invoice in an envelope of Peppol (SBDH), as a document of its own; any other root as it is.

    Raises `BadDocument` where the envelope holds no invoice, or several.
    """
    if root.tag != _ENVELOPE:
        return root
    inside = list(root.iterchildren(*_SYNTAXES))
    if len(inside) != 1:
        held = "no invoice" if not inside else f"{len(inside)} invoices"
        text = f"This is an envelope (SBDH) with {held}. Send each invoice as a file of its own."
        raise BadDocument(finding("SETTLE-NOT-INVOICE", text))
    invoice = copy.deepcopy(inside[0])
    invoice.tail = None
    return invoice


def syntax_of(root: Element) -> Syntax:
    """Return the syntax of an invoice by its root element; raises `BadDocument` when it is something else."""
    if syntax := _SYNTAXES.get(root.tag):
        return syntax
    name = etree.QName(root)
    raise BadDocument(finding("SETTLE-NOT-INVOICE", _what_it_is(name.namespace or "", name.localname)))


def claims_en16931(profile: str | None) -> bool:
    """Tell whether a specification identifier (BT-24) claims conformance to EN 16931.

    Factur-X MINIMUM and BASIC WL do not: they carry no lines and are not invoices in the standard's sense.
    """
    return (profile or "").startswith("urn:cen.eu:en16931:2017")


def is_minimum(profile: str | None) -> bool:
    """Tell whether a specification identifier is that of Factur-X or ZUGFeRD MINIMUM."""
    return (profile or "").endswith(":minimum")


def _what_it_is(namespace: str, name: str) -> str:
    if namespace == _ZUGFERD_1:
        return "This is a ZUGFeRD 1.0 invoice, older than EN 16931. Ask for ZUGFeRD 2, Factur-X or XRechnung."
    if _ORDER_X in name:
        return "This is an order (Order-X), not an invoice."
    if namespace.startswith(UBL):
        return f"This is a UBL document of the type {name}, not an invoice or credit note."
    if words := what_xml_is(namespace, name):
        return words
    where = f" of the namespace {namespace}" if namespace else ""
    return f"This is XML, but its root element {name}{where} is not that of a UBL or CII invoice."

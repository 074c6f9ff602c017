"""Writes a document as Factur-X: a page that people read, with the same invoice as data inside.

Equal documents make equal bytes: no time of creation, no random file id.
"""

import io
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import reportlab
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from samples.cii import to_cii
from samples.document import Document, Party

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<fx:DocumentType>INVOICE</fx:DocumentType><fx:DocumentFileName>factur-x.xml</fx:DocumentFileName>
<fx:Version>1.0</fx:Version><fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


def to_facturx(document: Document) -> bytes:
    """Return a PDF with the page of the invoice and ``factur-x.xml`` (CII) embedded."""
    return _with_invoice(to_page(document), to_cii(document), document)


def to_page(document: Document) -> bytes:
    """Return a PDF that only shows the invoice, as it comes from a program without e-invoicing."""
    _fonts()
    out = io.BytesIO()
    page = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=22 * mm,
        rightMargin=20 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        title=f"{document.title} {document.number}",
        author=document.seller.name,
        invariant=1,
    )
    page.build([*_letterhead(document), *_lines(document), *_totals(document), *_closing(document)])
    return out.getvalue()


@cache
def _fonts() -> None:
    folder = Path(reportlab.__file__).parent / "fonts"
    pdfmetrics.registerFont(TTFont("Vera", folder / "Vera.ttf"))
    pdfmetrics.registerFont(TTFont("VeraBd", folder / "VeraBd.ttf"))


def _style(size: float = 9, bold: bool = False, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(
        "s", fontName="VeraBd" if bold else "Vera", fontSize=size, leading=size * 1.4, **more
    )


def _text(*lines: str | None, size: float = 9, bold: bool = False, **more: Any) -> Paragraph:
    return Paragraph("<br/>".join(escape(line) for line in lines if line), _style(size, bold, **more))


def _letterhead(document: Document) -> list[Flowable]:
    seller, buyer = document.seller, document.buyer
    facts = [
        f"Number {document.number}",
        f"Date {_day(document.issued)}",
        document.due and f"Due {_day(document.due)}",
        document.order and f"Your order {document.order}",
        document.contract and f"Contract {document.contract}",
        document.preceding and f"Refers to {document.preceding[0]} of {_day(document.preceding[1])}",
        document.delivered and f"Delivered {_day(document.delivered)}",
        document.period and f"Period {_day(document.period[0])} to {_day(document.period[1])}",
        document.buyer_reference and f"Your reference {document.buyer_reference}",
    ]
    sides = Table(
        [[_text(buyer.name, buyer.street, _town(buyer), buyer.vat_id), _text(*(f for f in facts if f))]],
        colWidths=[95 * mm, 73 * mm],
        style=TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]),
    )
    sender = f"{seller.name} · {seller.street} · {_town(seller)}"
    return [
        _text(seller.name, size=15, bold=True, textColor=colors.HexColor("#1d4e6b")),
        Spacer(1, 16 * mm),
        _text(sender, size=6.5, textColor=colors.grey),
        Spacer(1, 2 * mm),
        sides,
        Spacer(1, 12 * mm),
        _text(f"{document.title} {document.number}", size=13, bold=True),
        Spacer(1, 3 * mm),
    ]


def _lines(document: Document) -> list[Flowable]:
    head = ["", "Item", "Quantity", "Price", "VAT", "Amount"]
    rows: list[list[Any]] = [head]
    for number, line in enumerate(document.lines, start=1):
        discount = line.discount and f"less {line.discount[1]}: {_money(line.discount[0])}"
        vat = f"{line.rate} %" if line.rate is not None else "–"
        item = _text(line.name, line.description, discount)
        rows.append([str(number), item, f"{line.quantity:f}", _money(line.price), vat, _money(line.net)])
    table = Table(rows, colWidths=[8 * mm, 74 * mm, 22 * mm, 24 * mm, 16 * mm, 24 * mm], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), "Vera", 9),
                ("FONT", (0, 0), (-1, 0), "VeraBd", 8.5),
                ("ALIGN", (2, 0), (-1, -1), "RIGHT"),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.HexColor("#1d4e6b")),
                ("LINEBELOW", (0, 1), (-1, -1), 0.25, colors.lightgrey),
            ]
        )
    )
    return [table, Spacer(1, 4 * mm)]


def _totals(document: Document) -> list[Flowable]:
    rows = [["Sum of the lines", document.line_total]]
    for item in document.allowances:
        rows.append([item.reason, item.amount if item.is_charge else -item.amount])
    if document.allowances:
        rows.append(["Total without VAT", document.net])
    for row in document.tax_rows:
        rate = f"{row.rate} %" if row.rate is not None else "not subject"
        rows.append([f"VAT {rate} on {_money(row.taxable)}", row.tax])
    rows.append([f"Total, {document.currency}", document.gross])
    if document.prepaid:
        rows.append(["Already paid", -document.prepaid])
    if document.rounding:
        rows.append(["Rounding", document.rounding])
    if document.payable != document.gross:
        rows.append([f"To pay, {document.currency}", document.payable])
    table = Table(
        [[label, _money(amount)] for label, amount in rows], colWidths=[70 * mm, 28 * mm], hAlign="RIGHT"
    )
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -2), "Vera", 9),
                ("FONT", (0, -1), (-1, -1), "VeraBd", 10),
                ("ALIGN", (1, 0), (1, -1), "RIGHT"),
                ("LINEABOVE", (0, -1), (-1, -1), 0.8, colors.HexColor("#1d4e6b")),
            ]
        )
    )
    return [table, Spacer(1, 8 * mm)]


def _closing(document: Document) -> list[Flowable]:
    seller = document.seller
    reasons = [document.exemption_of(row.category) for row in document.tax_rows]
    account = seller.account and f"{seller.name}, IBAN {seller.account}" + (
        f", BIC {seller.bic}" if seller.bic else ""
    )
    identity = ", ".join(
        filter(None, [seller.vat_id, seller.tax_number, seller.legal_id and seller.legal_id[0]])
    )
    return [
        _text(*(reason[1] for reason in reasons if reason), document.note, document.terms),
        Spacer(1, 6 * mm),
        _text(
            account, identity, seller.contact and f"{seller.contact}, {seller.phone}, {seller.email}", size=8
        ),
    ]


def _with_invoice(page: bytes, xml: bytes, document: Document) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(page)))
    stream = DecodedStreamObject()
    stream.set_data(xml)
    stream.update(
        {
            NameObject("/Type"): NameObject("/EmbeddedFile"),
            NameObject("/Subtype"): NameObject("/text/xml"),
            NameObject("/Params"): DictionaryObject(
                {
                    NameObject("/Size"): NumberObject(len(xml)),
                    NameObject("/ModDate"): TextStringObject(f"D:{document.issued:%Y%m%d}000000Z"),
                }
            ),
        }
    )
    content = writer._add_object(stream.flate_encode())
    specification = writer._add_object(
        DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Filespec"),
                NameObject("/F"): TextStringObject("factur-x.xml"),
                NameObject("/UF"): TextStringObject("factur-x.xml"),
                NameObject("/AFRelationship"): NameObject("/Alternative"),
                NameObject("/Desc"): TextStringObject("The invoice as data"),
                NameObject("/EF"): DictionaryObject({NameObject("/F"): content, NameObject("/UF"): content}),
            }
        )
    )
    metadata = DecodedStreamObject()
    metadata.set_data(_XMP.format(title=escape(f"{document.title} {document.number}")).encode())
    metadata.update(
        {NameObject("/Type"): NameObject("/Metadata"), NameObject("/Subtype"): NameObject("/XML")}
    )
    names = ArrayObject([TextStringObject("factur-x.xml"), specification])
    writer.root_object.update(
        {
            NameObject("/AF"): ArrayObject([specification]),
            NameObject("/Names"): DictionaryObject(
                {NameObject("/EmbeddedFiles"): DictionaryObject({NameObject("/Names"): names})}
            ),
            NameObject("/Metadata"): writer._add_object(metadata),
        }
    )
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}".replace("-", "\u2212")


def _day(day: Any) -> str:
    return f"{datetime(day.year, day.month, day.day):%d %b %Y}"


def _town(party: Party) -> str:
    return f"{party.post_code} {party.city}, {party.country}"

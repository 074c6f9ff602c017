"""Writes a document as Factur-X: a page that people read, with the same invoice as data inside.

Equal documents make equal bytes: no time of creation, no random file id.
"""

import io
from datetime import date
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

_BLUE = colors.HexColor("#1d4e6b")
_LABELS = (
    *("number", "date", "due", "order", "contract", "delivered", "period", "reference"),
    *("item", "quantity", "price", "vat", "amount", "net", "gross", "prepaid", "payable"),
)
_GERMAN = (
    *("Nummer", "Datum", "Fällig", "Bestellung", "Vertrag", "Geliefert", "Zeitraum", "Ihr Zeichen"),
    *("Leistung", "Menge", "Preis", "USt", "Betrag", "Summe netto", "Gesamt", "Bereits bezahlt", "Zu zahlen"),
)
_TRANSLATIONS = {
    "DE": _GERMAN,
    "AT": _GERMAN,
    "FR": (
        *("Numéro", "Date", "Échéance", "Commande", "Contrat", "Livré le", "Période", "Votre référence"),
        *(
            "Désignation",
            "Quantité",
            "Prix",
            "TVA",
            "Montant",
            "Total HT",
            "Total TTC",
            "Déjà payé",
            "À payer",
        ),
    ),
    "ES": (
        *("Número", "Fecha", "Vencimiento", "Pedido", "Contrato", "Entregado", "Periodo", "Su referencia"),
        *("Concepto", "Cantidad", "Precio", "IVA", "Importe", "Base", "Total", "Ya pagado", "A pagar"),
    ),
}
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
    sides = Table(
        [[_text(buyer.name, buyer.street, _town(buyer), buyer.vat_id), _text(*_facts(document))]],
        colWidths=[95 * mm, 68 * mm],
        hAlign="LEFT",
        style=TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]),
    )
    sender = f"{seller.name} · {seller.street} · {_town(seller)}"
    return [
        _text(seller.name, size=15, bold=True, textColor=_BLUE),
        Spacer(1, 16 * mm),
        _text(sender, size=6.5, textColor=colors.grey),
        Spacer(1, 2 * mm),
        sides,
        Spacer(1, 12 * mm),
        _text(f"{document.title} {document.number}", size=13, bold=True),
        Spacer(1, 3 * mm),
    ]


def _facts(document: Document) -> list[str]:
    """Return the facts beside the address, each with its label."""
    values = (
        ("number", document.number),
        ("date", _day(document.issued)),
        ("due", document.due and _day(document.due)),
        ("order", document.order),
        ("contract", document.contract),
        ("delivered", document.delivered and _day(document.delivered)),
        ("period", document.period and " – ".join(_day(day) for day in document.period)),
        ("reference", document.buyer_reference),
    )
    words = _words(document)
    return [f"{words[label]}: {value}" for label, value in values if value]


def _lines(document: Document) -> list[Flowable]:
    words = _words(document)
    rows: list[list[Any]] = [["", *(words[name] for name in ("item", "quantity", "price", "vat", "amount"))]]
    for number, line in enumerate(document.lines, start=1):
        discount = line.discount and f"{line.discount[1]}: {_money(-line.discount[0])}"
        vat = f"{line.rate} %" if line.rate is not None else "–"
        item = _text(line.name, line.description, discount)
        rows.append([str(number), item, f"{line.quantity:f}", _money(line.price), vat, _money(line.net)])
    table = Table(
        rows,
        colWidths=[8 * mm, 71 * mm, 20 * mm, 24 * mm, 16 * mm, 24 * mm],
        repeatRows=1,
        hAlign="LEFT",
        style=TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), "Vera", 9),
                ("FONT", (0, 0), (-1, 0), "VeraBd", 8.5),
                ("ALIGN", (2, 0), (-1, -1), "RIGHT"),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (0, -1), 0),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, _BLUE),
                ("LINEBELOW", (0, 1), (-1, -1), 0.25, colors.lightgrey),
            ]
        ),
    )
    return [table, Spacer(1, 4 * mm)]


def _totals(document: Document) -> list[Flowable]:
    table = Table(
        [[label, _money(amount)] for label, amount in _sums(document)],
        colWidths=[70 * mm, 28 * mm],
        hAlign="RIGHT",
        style=TableStyle(
            [
                ("FONT", (0, 0), (-1, -2), "Vera", 9),
                ("FONT", (0, -1), (-1, -1), "VeraBd", 10),
                ("ALIGN", (1, 0), (1, -1), "RIGHT"),
                ("LINEABOVE", (0, -1), (-1, -1), 0.8, _BLUE),
            ]
        ),
    )
    return [table, Spacer(1, 8 * mm)]


def _sums(document: Document) -> list[tuple[str, Decimal]]:
    """Return the sums below the lines, from that of the lines to what is to be paid."""
    words = _words(document)
    sums = [(words["net"], document.line_total)]
    sums += [(item.reason, item.amount if item.is_charge else -item.amount) for item in document.allowances]
    for row in document.tax_rows:
        sums.append((f"{words['vat']} {row.rate or 0} % / {_money(row.taxable)}", row.tax))
    sums.append((f"{words['gross']} {document.currency}", document.gross))
    if document.prepaid:
        sums.append((words["prepaid"], -document.prepaid))
        sums.append((f"{words['payable']} {document.currency}", document.payable))
    return sums


def _closing(document: Document) -> list[Flowable]:
    seller = document.seller
    reasons = [document.exemption_of(row.category) for row in document.tax_rows]
    account = seller.account and f"IBAN {seller.account}"
    bank = " · ".join(filter(None, [seller.name, account, seller.bic and f"BIC {seller.bic}"]))
    legal_id = seller.legal_id[0] if seller.legal_id else None
    identity = " · ".join(filter(None, [seller.vat_id, seller.tax_number, legal_id]))
    return [
        _text(*(reason[1] for reason in reasons if reason), document.note, document.terms),
        Spacer(1, 6 * mm),
        _text(bank, identity, f"{seller.contact} · {seller.phone} · {seller.email}", size=8),
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


def _words(document: Document) -> dict[str, str]:
    return dict(zip(_LABELS, _TRANSLATIONS[document.seller.country], strict=True))


def _money(amount: Decimal) -> str:
    """Return 1234.5 as 1.234,50: the sellers of the PDFs all write it so."""
    return f"{amount:,.2f}".translate(str.maketrans(",.-", ".,\u2212"))


def _day(day: date) -> str:
    return f"{day:%d.%m.%Y}"


def _town(party: Party) -> str:
    return f"{party.post_code} {party.city}, {party.country}"

"""A sample order and an invoice that bills it: for goods receipts, and for `dev.py simulate devices`.

They lie in a folder of their own: `dev.py run` sends the others.
"""

from datetime import date, timedelta

from samples import parties as p
from samples.document import CREDIT_TRANSFER, Document
from samples.sample import line
from samples.ubl import OASIS, to_ubl
from samples.xml_tree import Node

NUMBER = "PO-2025-0815"

INVOICE = Document(
    f"RE-{NUMBER}",
    date(2025, 3, 14),
    p.NORDLICHT,
    p.HANSA,
    lines=(
        line("Streusalz, lose", "500", "KGM", "0.19", "19", article="SS-1000", order_line="1"),
        line("Kopierpapier A4, 80 g, weiß", "40", "XPK", "4.89", "19", article="KP-80-A4", order_line="2"),
        line("Aktenordner breit, grau", "60", "H87", "2.15", "19", article="AO-75", order_line="3"),
    ),
    due=date(2025, 4, 13),
    means=CREDIT_TRANSFER,
    buyer_reference="Einkauf",
    order=NUMBER,
    terms="Zahlbar innerhalb von 30 Tagen ohne Abzug.",
)


def files() -> dict[str, bytes]:
    """The files by their names."""
    return {
        f"order-{NUMBER}.xml": to_ubl_order(INVOICE),
        f"invoice-of-{NUMBER}.xml": to_ubl(INVOICE),
    }


def to_ubl_order(invoice: Document) -> bytes:
    """The order that an invoice bills, as UBL 2.1 Order in UTF-8."""
    root = Node.root(
        "Order",
        {
            None: f"{OASIS}:Order-2",
            "cac": f"{OASIS}:CommonAggregateComponents-2",
            "cbc": f"{OASIS}:CommonBasicComponents-2",
        },
    )
    root.add("cbc:CustomizationID", "urn:fdc:peppol.eu:poacc:trns:order:3")
    root.add("cbc:ID", invoice.order)
    root.add("cbc:IssueDate", invoice.issued - timedelta(days=10))
    root.add("cbc:DocumentCurrencyCode", invoice.currency)
    buyer = root.groups("cac:BuyerCustomerParty/cac:Party")
    buyer.add("cac:PartyLegalEntity/cbc:RegistrationName", invoice.buyer.name)
    seller = root.groups("cac:SellerSupplierParty/cac:Party")
    tax = seller.group("cac:PartyTaxScheme")
    tax.add("cbc:CompanyID", invoice.seller.vat_id)
    tax.add("cac:TaxScheme/cbc:ID", "VAT")
    seller.add("cac:PartyLegalEntity/cbc:RegistrationName", invoice.seller.name)
    for number, ordered in enumerate(invoice.lines, start=1):
        item = root.groups("cac:OrderLine/cac:LineItem")
        item.add("cbc:ID", ordered.order_line or str(number))
        item.add("cbc:Quantity", ordered.quantity, unitCode=ordered.unit)
        item.add("cac:Price/cbc:PriceAmount", ordered.price, currencyID=invoice.currency)
        what = item.group("cac:Item")
        what.add("cbc:Name", ordered.name)
        what.add("cac:SellersItemIdentification/cbc:ID", ordered.article)
    return root.to_bytes()

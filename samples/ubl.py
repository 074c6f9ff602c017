"""Writes a document as UBL 2.1 invoice or credit note."""

import base64
from decimal import Decimal

from samples.document import CARD, DIRECT_DEBIT, AllowanceCharge, Attachment, Document, Line, Party
from samples.xml_tree import Node

OASIS = "urn:oasis:names:specification:ubl:schema:xsd"


def to_ubl(document: Document) -> bytes:
    """Return the document as UBL XML in UTF-8."""
    kind = "CreditNote" if document.is_credit_note else "Invoice"
    root = Node.root(
        kind,
        {
            None: f"{OASIS}:{kind}-2",
            "cac": f"{OASIS}:CommonAggregateComponents-2",
            "cbc": f"{OASIS}:CommonBasicComponents-2",
        },
    )
    _header(root, document)
    _references(root, document)
    _party(root.groups("cac:AccountingSupplierParty/cac:Party"), document.seller, document)
    _party(root.groups("cac:AccountingCustomerParty/cac:Party"), document.buyer, document)
    _delivery(root, document)
    _payment(root, document)
    for item in document.allowances:
        _allowance(root.group("cac:AllowanceCharge"), item, document.currency)
    _tax(root, document)
    _totals(root, document)
    for number, line in enumerate(document.lines, start=1):
        _line(root.group(f"cac:{kind}Line"), number, line, document)
    return root.to_bytes()


def _header(root: Node, document: Document) -> None:
    root.add("cbc:CustomizationID", document.profile)
    root.add("cbc:ProfileID", document.process)
    root.add("cbc:ID", document.number)
    root.add("cbc:IssueDate", document.issued)
    if document.is_credit_note:
        root.add("cbc:CreditNoteTypeCode", document.type_code)
    else:
        root.add("cbc:DueDate", document.due)
        root.add("cbc:InvoiceTypeCode", document.type_code)
    root.add("cbc:Note", document.note)
    root.add("cbc:DocumentCurrencyCode", document.currency)
    if document.tax_currency:
        root.add("cbc:TaxCurrencyCode", document.tax_currency[0])
    root.add("cbc:BuyerReference", document.buyer_reference)


def _references(root: Node, document: Document) -> None:
    if document.period:
        period = root.group("cac:InvoicePeriod")
        period.add("cbc:StartDate", document.period[0])
        period.add("cbc:EndDate", document.period[1])
    root.add("cac:OrderReference/cbc:ID", document.order)
    if document.preceding:
        preceding = root.groups("cac:BillingReference/cac:InvoiceDocumentReference")
        preceding.add("cbc:ID", document.preceding[0])
        preceding.add("cbc:IssueDate", document.preceding[1])
    root.add("cac:ContractDocumentReference/cbc:ID", document.contract)
    for attachment in document.attachments:
        _attachment(root.group("cac:AdditionalDocumentReference"), attachment)
    if not document.is_credit_note:  # UBL's credit note has no place for it
        root.add("cac:ProjectReference/cbc:ID", document.project)


def _attachment(node: Node, attachment: Attachment) -> None:
    node.add("cbc:ID", attachment.file_name)
    node.add("cbc:DocumentDescription", attachment.description)
    node.add(
        "cac:Attachment/cbc:EmbeddedDocumentBinaryObject",
        base64.b64encode(attachment.content).decode(),
        mimeCode=attachment.media_type,
        filename=attachment.file_name,
    )


def _party(node: Node, party: Party, document: Document) -> None:
    node.add("cbc:EndpointID", party.email, schemeID="EM")
    if document.mandate and party is document.seller:
        node.add("cac:PartyIdentification/cbc:ID", document.mandate[1], schemeID="SEPA")
    node.add("cac:PartyName/cbc:Name", party.name)
    _address(node.group("cac:PostalAddress"), party)
    for number, scheme in ((party.vat_id, "VAT"), (party.tax_number, "FC")):
        if number:
            tax = node.group("cac:PartyTaxScheme")
            tax.add("cbc:CompanyID", number)
            tax.add("cac:TaxScheme/cbc:ID", scheme)
    entity = node.group("cac:PartyLegalEntity")
    entity.add("cbc:RegistrationName", party.name)
    if party.legal_id:
        entity.add("cbc:CompanyID", party.legal_id[0], schemeID=party.legal_id[1])
    if party.contact:
        contact = node.group("cac:Contact")
        contact.add("cbc:Name", party.contact)
        contact.add("cbc:Telephone", party.phone)
        contact.add("cbc:ElectronicMail", party.email)


def _address(node: Node, party: Party) -> None:
    node.add("cbc:StreetName", party.street)
    node.add("cbc:CityName", party.city)
    node.add("cbc:PostalZone", party.post_code)
    node.add("cac:Country/cbc:IdentificationCode", party.country)


def _delivery(root: Node, document: Document) -> None:
    if not document.delivered and not document.deliver_to:
        return
    delivery = root.group("cac:Delivery")
    delivery.add("cbc:ActualDeliveryDate", document.delivered)
    if document.deliver_to:
        _address(delivery.groups("cac:DeliveryLocation/cac:Address"), document.deliver_to)
        delivery.add("cac:DeliveryParty/cac:PartyName/cbc:Name", document.deliver_to.name)


def _payment(root: Node, document: Document) -> None:
    means = root.group("cac:PaymentMeans")
    means.add("cbc:PaymentMeansCode", document.means)
    means.add("cbc:PaymentID", document.payment_reference)
    if document.means == CARD:
        card = means.group("cac:CardAccount")
        card.add("cbc:PrimaryAccountNumberID", "4071")
        card.add("cbc:NetworkID", "VISA")
    elif document.means == DIRECT_DEBIT and document.mandate:
        mandate = means.group("cac:PaymentMandate")
        mandate.add("cbc:ID", document.mandate[0])
        mandate.add("cac:PayerFinancialAccount/cbc:ID", document.mandate[2])
    elif document.seller.account:
        account = means.group("cac:PayeeFinancialAccount")
        account.add("cbc:ID", document.seller.account)
        account.add("cbc:Name", document.seller.name)
        account.add("cac:FinancialInstitutionBranch/cbc:ID", document.seller.bic)
    root.add("cac:PaymentTerms/cbc:Note", document.terms)


def _allowance(node: Node, item: AllowanceCharge, currency: str) -> None:
    node.add("cbc:ChargeIndicator", "true" if item.is_charge else "false")
    node.add("cbc:AllowanceChargeReasonCode", item.code)
    node.add("cbc:AllowanceChargeReason", item.reason)
    node.add("cbc:MultiplierFactorNumeric", item.percent)
    node.add("cbc:Amount", item.amount, currencyID=currency)
    node.add("cbc:BaseAmount", item.base, currencyID=currency)
    _category(node.group("cac:TaxCategory"), item.category, item.rate)


def _category(
    node: Node, category: str, rate: Decimal | None, exemption: tuple[str | None, str] | None = None
) -> None:
    node.add("cbc:ID", category)
    node.add("cbc:Percent", rate)
    if exemption:
        node.add("cbc:TaxExemptionReasonCode", exemption[0])
        node.add("cbc:TaxExemptionReason", exemption[1])
    node.add("cac:TaxScheme/cbc:ID", "VAT")


def _tax(root: Node, document: Document) -> None:
    total = root.group("cac:TaxTotal")
    total.add("cbc:TaxAmount", document.tax, currencyID=document.currency)
    for row in document.tax_rows:
        part = total.group("cac:TaxSubtotal")
        part.add("cbc:TaxableAmount", row.taxable, currencyID=document.currency)
        part.add("cbc:TaxAmount", row.tax, currencyID=document.currency)
        exemption = document.exemption_of(row.category)
        _category(part.group("cac:TaxCategory"), row.category, row.rate, exemption)
    if document.tax_currency:
        amount = document.tax_in_accounting_currency
        root.add("cac:TaxTotal/cbc:TaxAmount", amount, currencyID=document.tax_currency[0])


def _totals(root: Node, document: Document) -> None:
    totals = root.group("cac:LegalMonetaryTotal")
    for name, amount in (
        ("LineExtensionAmount", document.line_total),
        ("TaxExclusiveAmount", document.net),
        ("TaxInclusiveAmount", document.gross),
        ("AllowanceTotalAmount", document.allowance_total(False) or None),
        ("ChargeTotalAmount", document.allowance_total(True) or None),
        ("PrepaidAmount", document.prepaid),
        ("PayableRoundingAmount", document.rounding),
        ("PayableAmount", document.payable),
    ):
        totals.add(f"cbc:{name}", amount, currencyID=document.currency)


def _line(node: Node, number: int, line: Line, document: Document) -> None:
    currency = document.currency
    quantity = "CreditedQuantity" if document.is_credit_note else "InvoicedQuantity"
    node.add("cbc:ID", str(number))
    node.add(f"cbc:{quantity}", line.quantity, unitCode=line.unit)
    node.add("cbc:LineExtensionAmount", line.net, currencyID=currency)
    node.add("cac:OrderLineReference/cbc:LineID", line.order_line)
    if line.discount:
        discount = node.group("cac:AllowanceCharge")
        discount.add("cbc:ChargeIndicator", "false")
        discount.add("cbc:AllowanceChargeReason", line.discount[1])
        discount.add("cbc:Amount", line.discount[0], currencyID=currency)
    item = node.group("cac:Item")
    item.add("cbc:Description", line.description)
    item.add("cbc:Name", line.name)
    item.add("cac:SellersItemIdentification/cbc:ID", line.article)
    _category(item.group("cac:ClassifiedTaxCategory"), line.category, line.rate)
    node.add("cac:Price/cbc:PriceAmount", line.price, currencyID=currency)

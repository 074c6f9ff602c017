"""Writes a document as UN/CEFACT Cross Industry Invoice (D16B), also for Factur-X."""

import base64
from datetime import date
from decimal import Decimal

from samples.document import DIRECT_DEBIT, AllowanceCharge, Document, Line, Party
from samples.xml_tree import Node

_NAMESPACES: dict[str | None, str] = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
}


def to_cii(document: Document) -> bytes:
    """Return the document as CII XML in UTF-8."""
    root = Node.root("rsm:CrossIndustryInvoice", _NAMESPACES)
    context = root.group("rsm:ExchangedDocumentContext")
    context.add("ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID", document.process)
    context.add("ram:GuidelineSpecifiedDocumentContextParameter/ram:ID", document.profile)
    header = root.group("rsm:ExchangedDocument")
    header.add("ram:ID", document.number)
    header.add("ram:TypeCode", document.type_code)
    _date(header, "ram:IssueDateTime", document.issued)
    header.add("ram:IncludedNote/ram:Content", document.note)
    trade = root.group("rsm:SupplyChainTradeTransaction")
    for number, line in enumerate(document.lines, start=1):
        _line(trade.group("ram:IncludedSupplyChainTradeLineItem"), number, line)
    _agreement(trade.group("ram:ApplicableHeaderTradeAgreement"), document)
    _delivery(trade.group("ram:ApplicableHeaderTradeDelivery"), document)
    _settlement(trade.group("ram:ApplicableHeaderTradeSettlement"), document)
    return root.to_bytes()


def _date(node: Node, path: str, day: date | None, namespace: str = "udt") -> None:
    if day:
        node.add(f"{path}/{namespace}:DateTimeString", f"{day:%Y%m%d}", format="102")


def _line(node: Node, number: int, line: Line) -> None:
    node.add("ram:AssociatedDocumentLineDocument/ram:LineID", str(number))
    product = node.group("ram:SpecifiedTradeProduct")
    product.add("ram:SellerAssignedID", line.article)
    product.add("ram:Name", line.name)
    product.add("ram:Description", line.description)
    node.add(
        "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount",
        line.price,
    )
    node.add("ram:SpecifiedLineTradeDelivery/ram:BilledQuantity", line.quantity, unitCode=line.unit)
    settlement = node.group("ram:SpecifiedLineTradeSettlement")
    _category(settlement.group("ram:ApplicableTradeTax"), line.category, line.rate)
    if line.discount:
        discount = settlement.group("ram:SpecifiedTradeAllowanceCharge")
        discount.add("ram:ChargeIndicator/udt:Indicator", "false")
        discount.add("ram:ActualAmount", line.discount[0])
        discount.add("ram:Reason", line.discount[1])
    settlement.add("ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount", line.net)


def _category(node: Node, category: str, rate: Decimal | None) -> None:
    node.add("ram:TypeCode", "VAT")
    node.add("ram:CategoryCode", category)
    node.add("ram:RateApplicablePercent", rate)


def _agreement(node: Node, document: Document) -> None:
    node.add("ram:BuyerReference", document.buyer_reference)
    _party(node.group("ram:SellerTradeParty"), document.seller)
    _party(node.group("ram:BuyerTradeParty"), document.buyer)
    node.add("ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID", document.order)
    node.add("ram:ContractReferencedDocument/ram:IssuerAssignedID", document.contract)
    for attachment in document.attachments:
        reference = node.group("ram:AdditionalReferencedDocument")
        reference.add("ram:IssuerAssignedID", attachment.file_name)
        reference.add("ram:TypeCode", "916")
        reference.add("ram:Name", attachment.description)
        reference.add(
            "ram:AttachmentBinaryObject",
            base64.b64encode(attachment.content).decode(),
            mimeCode=attachment.media_type,
            filename=attachment.file_name,
        )
    if document.project:
        project = node.group("ram:SpecifiedProcuringProject")
        project.add("ram:ID", document.project)
        project.add("ram:Name", "Project reference")


def _party(node: Node, party: Party) -> None:
    node.add("ram:Name", party.name)
    if party.legal_id:
        node.add("ram:SpecifiedLegalOrganization/ram:ID", party.legal_id[0], schemeID=party.legal_id[1])
    if party.contact:
        contact = node.group("ram:DefinedTradeContact")
        contact.add("ram:PersonName", party.contact)
        contact.add("ram:TelephoneUniversalCommunication/ram:CompleteNumber", party.phone)
        contact.add("ram:EmailURIUniversalCommunication/ram:URIID", party.email)
    _address(node, party)
    node.add("ram:URIUniversalCommunication/ram:URIID", party.email, schemeID="EM")
    node.add("ram:SpecifiedTaxRegistration/ram:ID", party.vat_id, schemeID="VA")
    node.add("ram:SpecifiedTaxRegistration/ram:ID", party.tax_number, schemeID="FC")


def _address(node: Node, party: Party) -> None:
    address = node.group("ram:PostalTradeAddress")
    address.add("ram:PostcodeCode", party.post_code)
    address.add("ram:LineOne", party.street)
    address.add("ram:CityName", party.city)
    address.add("ram:CountryID", party.country)


def _delivery(node: Node, document: Document) -> None:
    if document.deliver_to:
        place = node.group("ram:ShipToTradeParty")
        place.add("ram:Name", document.deliver_to.name)
        _address(place, document.deliver_to)
    # The schema wants the group, and the rules of Factur-X want something in it.
    on = document.delivered or document.issued
    _date(node, "ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime", on)


def _settlement(node: Node, document: Document) -> None:
    if document.mandate:
        node.add("ram:CreditorReferenceID", document.mandate[1])
    node.add("ram:PaymentReference", document.payment_reference)
    if document.tax_currency:
        node.add("ram:TaxCurrencyCode", document.tax_currency[0])
    node.add("ram:InvoiceCurrencyCode", document.currency)
    _payment_means(node.group("ram:SpecifiedTradeSettlementPaymentMeans"), document)
    for row in document.tax_rows:
        exemption = document.exemption_of(row.category) or (None, None)
        tax = node.group("ram:ApplicableTradeTax")
        tax.add("ram:CalculatedAmount", row.tax)
        tax.add("ram:TypeCode", "VAT")
        tax.add("ram:ExemptionReason", exemption[1])
        tax.add("ram:BasisAmount", row.taxable)
        tax.add("ram:CategoryCode", row.category)
        tax.add("ram:ExemptionReasonCode", exemption[0])
        tax.add("ram:RateApplicablePercent", row.rate)
    if document.period:
        period = node.group("ram:BillingSpecifiedPeriod")
        _date(period, "ram:StartDateTime", document.period[0])
        _date(period, "ram:EndDateTime", document.period[1])
    for item in document.allowances:
        _allowance(node.group("ram:SpecifiedTradeAllowanceCharge"), item)
    _terms(node, document)
    _totals(node.group("ram:SpecifiedTradeSettlementHeaderMonetarySummation"), document)
    if document.preceding:
        preceding = node.group("ram:InvoiceReferencedDocument")
        preceding.add("ram:IssuerAssignedID", document.preceding[0])
        _date(preceding, "ram:FormattedIssueDateTime", document.preceding[1], "qdt")


def _payment_means(means: Node, document: Document) -> None:
    means.add("ram:TypeCode", document.means)
    if document.means == DIRECT_DEBIT and document.mandate:
        means.add("ram:PayerPartyDebtorFinancialAccount/ram:IBANID", document.mandate[2])
    elif document.seller.account:
        account = means.group("ram:PayeePartyCreditorFinancialAccount")
        account.add("ram:IBANID", document.seller.account)
        account.add("ram:AccountName", document.seller.name)
        means.add("ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID", document.seller.bic)


def _allowance(node: Node, item: AllowanceCharge) -> None:
    node.add("ram:ChargeIndicator/udt:Indicator", "true" if item.is_charge else "false")
    node.add("ram:CalculationPercent", item.percent)
    node.add("ram:BasisAmount", item.base)
    node.add("ram:ActualAmount", item.amount)
    node.add("ram:ReasonCode", item.code)
    node.add("ram:Reason", item.reason)
    _category(node.group("ram:CategoryTradeTax"), item.category, item.rate)


def _terms(node: Node, document: Document) -> None:
    if not (document.terms or document.due or document.mandate):
        return
    terms = node.group("ram:SpecifiedTradePaymentTerms")
    terms.add("ram:Description", document.terms)
    _date(terms, "ram:DueDateDateTime", document.due)
    if document.mandate:
        terms.add("ram:DirectDebitMandateID", document.mandate[0])


def _totals(node: Node, document: Document) -> None:
    node.add("ram:LineTotalAmount", document.line_total)
    node.add("ram:ChargeTotalAmount", document.allowance_total(True) or None)
    node.add("ram:AllowanceTotalAmount", document.allowance_total(False) or None)
    node.add("ram:TaxBasisTotalAmount", document.net)
    node.add("ram:TaxTotalAmount", document.tax, currencyID=document.currency)
    if document.tax_currency:
        amount = document.tax_in_accounting_currency
        node.add("ram:TaxTotalAmount", amount, currencyID=document.tax_currency[0])
    node.add("ram:RoundingAmount", document.rounding)
    node.add("ram:GrandTotalAmount", document.gross)
    node.add("ram:TotalPrepaidAmount", document.prepaid)
    node.add("ram:DuePayableAmount", document.payable)

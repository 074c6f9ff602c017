"""UN/CEFACT Cross Industry Invoice (D16B to D22B), by the binding of CEN/TS 16931-3-3.

This is also what Factur-X and ZUGFeRD 2 embed in their PDFs.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TypedDict

from invoicing.findings import Finding
from invoicing.model import (
    Address,
    AllowanceCharge,
    Attachment,
    Attribute,
    Contact,
    Delivery,
    Identifier,
    Invoice,
    Kind,
    Line,
    Note,
    Party,
    PaymentDiscount,
    PaymentMeans,
    Period,
    PrecedingInvoice,
    TaxBreakdown,
    Totals,
)
from invoicing.readers import terms
from invoicing.readers.detect import CII
from invoicing.readers.terms import Term
from invoicing.readers.values import Element, Values, decoded_size, text_of

_NAMESPACES = {
    "rsm": CII,
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
_PROFILE = "rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"
_PROCESS = "rsm:ExchangedDocumentContext/ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID"
_NUMBER_OF = "ram:IssuerAssignedID"
_TENDER, _OBJECT = "50", "130"
_VAT, _LOCAL_TAX = "VA", "FC"
_DAYS = "DAY"


def read(root: Element, kind: Kind) -> tuple[Invoice, list[Finding]]:
    """Read a CII document by its root element; returns the invoice and what in it could not be read."""
    reader = _CiiReader(root, kind)
    return reader.invoice(), reader.values.findings


class _Price(TypedDict):
    """What of a line stands at its prices."""

    price: Decimal | None
    gross_price: Decimal | None
    price_discount: Decimal | None
    base_quantity: Decimal | None
    base_unit: str | None


class _Item(TypedDict):
    """What of a line stands at its product."""

    name: str | None
    description: str | None
    seller_item_id: str | None
    buyer_item_id: str | None
    standard_item_id: Identifier | None
    classifications: tuple[Identifier, ...]
    origin_country: str | None
    attributes: tuple[Attribute, ...]


class _CiiReader:
    """Walks one document; methods are named after the groups of EN 16931."""

    def __init__(self, root: Element, kind: Kind) -> None:
        self.root = root
        self.kind: Kind = kind
        self.values = values = Values(_NAMESPACES)
        self.document = values.one(root, "rsm:ExchangedDocument")
        self.trade = values.one(root, "rsm:SupplyChainTradeTransaction")
        self.agreement = values.one(self.trade, "ram:ApplicableHeaderTradeAgreement")
        self.delivery = values.one(self.trade, "ram:ApplicableHeaderTradeDelivery")
        self.settlement = values.one(self.trade, "ram:ApplicableHeaderTradeSettlement")

    def invoice(self) -> Invoice:
        values, settlement = self.values, self.settlement
        agreement, delivery = self.agreement, self.delivery
        references = values.all(agreement, "ram:AdditionalReferencedDocument")
        payment_terms = self._terms()
        return Invoice(
            kind=self.kind,
            number=values.text(self.document, "ram:ID"),
            issue_date=values.moment(self.document, "ram:IssueDateTime"),
            type_code=values.text(self.document, "ram:TypeCode"),
            currency=values.text(settlement, "ram:InvoiceCurrencyCode"),
            tax_currency=values.text(settlement, "ram:TaxCurrencyCode"),
            tax_point_date=values.moment(settlement, "ram:ApplicableTradeTax/ram:TaxPointDate"),
            tax_point_code=values.text(settlement, "ram:ApplicableTradeTax/ram:DueDateTypeCode"),
            due_date=terms.due_date(payment_terms),
            buyer_reference=values.text(agreement, "ram:BuyerReference"),
            project_reference=values.text(agreement, "ram:SpecifiedProcuringProject/ram:ID"),
            contract_reference=values.text(agreement, f"ram:ContractReferencedDocument/{_NUMBER_OF}"),
            order_reference=values.text(agreement, f"ram:BuyerOrderReferencedDocument/{_NUMBER_OF}"),
            sales_order_reference=values.text(agreement, f"ram:SellerOrderReferencedDocument/{_NUMBER_OF}"),
            receiving_advice_reference=values.text(
                delivery, f"ram:ReceivingAdviceReferencedDocument/{_NUMBER_OF}"
            ),
            despatch_advice_reference=values.text(
                delivery, f"ram:DespatchAdviceReferencedDocument/{_NUMBER_OF}"
            ),
            tender_reference=self._tender(references),
            object_id=self._object(references),
            accounting_reference=values.text(
                settlement, "ram:ReceivableSpecifiedTradeAccountingAccount/ram:ID"
            ),
            payment_terms=terms.text_of_terms(payment_terms),
            discounts=terms.discounts(payment_terms),
            notes=self._notes(),
            process=values.text(self.root, _PROCESS),
            profile=values.text(self.root, _PROFILE),
            preceding_invoices=self._preceding(),
            seller=self._party(values.one(agreement, "ram:SellerTradeParty")) or Party(),
            buyer=self._party(values.one(agreement, "ram:BuyerTradeParty")) or Party(),
            payee=self._party(values.one(settlement, "ram:PayeeTradeParty")),
            tax_representative=self._party(values.one(agreement, "ram:SellerTaxRepresentativeTradeParty")),
            delivery=self._delivery(),
            period=self._period(settlement),
            payment_means=self._payment_means(),
            allowances=self._allowances(settlement),
            totals=self._totals(),
            tax_breakdown=tuple(map(self._tax_row, values.all(settlement, "ram:ApplicableTradeTax"))),
            attachments=self._attachments(references),
            lines=tuple(map(self._line, values.all(self.trade, "ram:IncludedSupplyChainTradeLineItem"))),
        )

    def _terms(self) -> list[Term]:
        """BT-9 and BT-20; the extended profile has several terms, with discounts among them."""
        found = self.values.all(self.settlement, "ram:SpecifiedTradePaymentTerms")
        return [self._term(term, has_others=len(found) > 1) for term in found]

    def _term(self, found: Element, has_others: bool) -> Term:
        values = self.values
        due = values.moment(found, "ram:DueDateDateTime")
        # The only term has the date for the whole amount; one of several has the date of its own discount.
        until = due if has_others else None
        given = values.all(found, "ram:ApplicableTradePaymentDiscountTerms")
        return Term(
            text=terms.lines_of(map(text_of, values.all(found, "ram:Description"))),
            due=due,
            discounts=tuple(self._discount(discount, until) for discount in given),
        )

    def _discount(self, found: Element, until: date | None) -> PaymentDiscount:
        values = self.values
        period = values.one(found, "ram:BasisPeriodMeasure")
        in_days = period is not None and period.get("unitCode", _DAYS) == _DAYS
        days = values.number_of(period) if in_days else None
        return PaymentDiscount(
            percent=values.number(found, "ram:CalculationPercent"),
            days=terms.whole_days(days),
            until=until,
            base=values.number(found, "ram:BasisAmount"),
            amount=values.number(found, "ram:ActualDiscountAmount"),
        )

    def _tender(self, references: list[Element]) -> str | None:
        """BT-17: a referenced document of type 50."""
        found = (self.values.text(ref, _NUMBER_OF) for ref in references if self._type_code(ref) == _TENDER)
        return next(found, None)

    def _object(self, references: list[Element]) -> Identifier | None:
        """BT-18, BT-128: a referenced document of type 130, its scheme in an element of its own."""
        for reference in references:
            number = self.values.text(reference, _NUMBER_OF)
            if number and self._type_code(reference) == _OBJECT:
                return Identifier(value=number, scheme=self.values.text(reference, "ram:ReferenceTypeCode"))
        return None

    def _type_code(self, reference: Element) -> str | None:
        return self.values.text(reference, "ram:TypeCode")

    def _notes(self) -> tuple[Note, ...]:
        values = self.values
        return tuple(
            Note(text=text, subject=values.text(note, "ram:SubjectCode"))
            for note in values.all(self.document, "ram:IncludedNote")
            if (text := values.text(note, "ram:Content"))
        )

    def _preceding(self) -> tuple[PrecedingInvoice, ...]:
        values = self.values
        return tuple(
            PrecedingInvoice(number=number, issue_date=values.moment(reference, "ram:FormattedIssueDateTime"))
            for reference in values.all(self.settlement, "ram:InvoiceReferencedDocument")
            if (number := values.text(reference, _NUMBER_OF))
        )

    def _party(self, party: Element | None) -> Party | None:
        if party is None:
            return None
        values = self.values
        numbers = values.identifiers(party, "ram:SpecifiedTaxRegistration/ram:ID")
        local = values.identifiers(party, "ram:ID")
        return Party(
            name=values.text(party, "ram:Name"),
            trading_name=values.text(party, "ram:SpecifiedLegalOrganization/ram:TradingBusinessName"),
            identifiers=local + values.identifiers(party, "ram:GlobalID"),
            legal_id=values.identifier(party, "ram:SpecifiedLegalOrganization/ram:ID"),
            vat_id=next((each.value for each in numbers if each.scheme == _VAT), None),
            tax_id=next((each.value for each in numbers if each.scheme == _LOCAL_TAX), None),
            legal_form=values.text(party, "ram:Description"),
            electronic_address=values.identifier(party, "ram:URIUniversalCommunication/ram:URIID"),
            address=self._address(values.one(party, "ram:PostalTradeAddress")),
            contact=self._contact(values.one(party, "ram:DefinedTradeContact")),
        )

    def _address(self, address: Element | None) -> Address | None:
        if address is None:
            return None
        values = self.values
        return Address(
            street=values.text(address, "ram:LineOne"),
            additional=values.text(address, "ram:LineTwo"),
            third_line=values.text(address, "ram:LineThree"),
            city=values.text(address, "ram:CityName"),
            post_code=values.text(address, "ram:PostcodeCode"),
            subdivision=values.text(address, "ram:CountrySubDivisionName"),
            country=values.text(address, "ram:CountryID"),
        )

    def _contact(self, contact: Element | None) -> Contact | None:
        if contact is None:
            return None
        values = self.values
        return Contact(
            name=values.text(contact, "ram:PersonName") or values.text(contact, "ram:DepartmentName"),
            phone=values.text(contact, "ram:TelephoneUniversalCommunication/ram:CompleteNumber"),
            email=values.text(contact, "ram:EmailURIUniversalCommunication/ram:URIID"),
        )

    def _delivery(self) -> Delivery | None:
        values = self.values
        party = values.one(self.delivery, "ram:ShipToTradeParty")
        event = values.one(self.delivery, "ram:ActualDeliverySupplyChainEvent")
        if party is None and event is None:
            return None
        return Delivery(
            name=values.text(party, "ram:Name"),
            location=values.identifier(party, "ram:GlobalID") or values.identifier(party, "ram:ID"),
            on=values.moment(event, "ram:OccurrenceDateTime"),
            address=self._address(values.one(party, "ram:PostalTradeAddress")),
        )

    def _period(self, parent: Element | None) -> Period | None:
        period = self.values.one(parent, "ram:BillingSpecifiedPeriod")
        if period is None:
            return None
        return Period(
            start=self.values.moment(period, "ram:StartDateTime"),
            end=self.values.moment(period, "ram:EndDateTime"),
        )

    def _payment_means(self) -> tuple[PaymentMeans, ...]:
        """BG-16; remittance, mandate and creditor stand once per document in this syntax."""
        values, settlement = self.values, self.settlement
        of_all = {
            "remittance": values.text(settlement, "ram:PaymentReference"),
            "mandate": values.text(settlement, "ram:SpecifiedTradePaymentTerms/ram:DirectDebitMandateID"),
            "creditor_id": values.text(settlement, "ram:CreditorReferenceID"),
        }
        found = values.all(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")
        return tuple(self._one_payment_means(means, of_all) for means in found)

    def _one_payment_means(self, means: Element, of_all: dict[str, str | None]) -> PaymentMeans:
        values = self.values
        account = values.one(means, "ram:PayeePartyCreditorFinancialAccount")
        card = values.one(means, "ram:ApplicableTradeSettlementFinancialCard")
        return PaymentMeans(
            code=values.text(means, "ram:TypeCode"),
            text=values.text(means, "ram:Information"),
            account=values.text(account, "ram:IBANID") or values.text(account, "ram:ProprietaryID"),
            account_name=values.text(account, "ram:AccountName"),
            bic=values.text(means, "ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID"),
            card=values.text(card, "ram:ID"),
            card_holder=values.text(card, "ram:CardholderName"),
            debited_account=values.text(means, "ram:PayerPartyDebtorFinancialAccount/ram:IBANID"),
            **of_all,
        )

    def _allowances(self, parent: Element | None) -> tuple[AllowanceCharge, ...]:
        return tuple(map(self._allowance, self.values.all(parent, "ram:SpecifiedTradeAllowanceCharge")))

    def _allowance(self, item: Element) -> AllowanceCharge:
        values = self.values
        return AllowanceCharge(
            is_charge=values.text(item, "ram:ChargeIndicator/udt:Indicator") in ("true", "1"),
            amount=values.number(item, "ram:ActualAmount"),
            base=values.number(item, "ram:BasisAmount"),
            percent=values.number(item, "ram:CalculationPercent"),
            tax_category=values.text(item, "ram:CategoryTradeTax/ram:CategoryCode"),
            tax_rate=values.number(item, "ram:CategoryTradeTax/ram:RateApplicablePercent"),
            reason=values.text(item, "ram:Reason"),
            reason_code=values.text(item, "ram:ReasonCode"),
        )

    def _totals(self) -> Totals:
        values = self.values
        total = values.one(self.settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
        tax, tax_accounting = self._tax_totals(total)
        return Totals(
            lines=values.number(total, "ram:LineTotalAmount"),
            allowances=values.number(total, "ram:AllowanceTotalAmount"),
            charges=values.number(total, "ram:ChargeTotalAmount"),
            net=values.number(total, "ram:TaxBasisTotalAmount"),
            tax=tax,
            tax_accounting=tax_accounting,
            gross=values.number(total, "ram:GrandTotalAmount"),
            prepaid=values.number(total, "ram:TotalPrepaidAmount"),
            rounding=values.number(total, "ram:RoundingAmount"),
            payable=values.number(total, "ram:DuePayableAmount"),
        )

    def _tax_totals(self, total: Element | None) -> tuple[Decimal | None, Decimal | None]:
        """BT-110 and BT-111: two elements of one name, told apart by the currency."""
        currency = self.values.text(self.settlement, "ram:InvoiceCurrencyCode")
        tax = accounting = None
        for amount in self.values.all(total, "ram:TaxTotalAmount"):
            if amount.get("currencyID", currency) == currency:
                tax = tax if tax is not None else self.values.number_of(amount)
            else:
                accounting = self.values.number_of(amount)
        return tax, accounting

    def _tax_row(self, row: Element) -> TaxBreakdown:
        values = self.values
        return TaxBreakdown(
            taxable=values.number(row, "ram:BasisAmount"),
            tax=values.number(row, "ram:CalculatedAmount"),
            category=values.text(row, "ram:CategoryCode"),
            rate=values.number(row, "ram:RateApplicablePercent"),
            exemption_reason=values.text(row, "ram:ExemptionReason"),
            exemption_code=values.text(row, "ram:ExemptionReasonCode"),
        )

    def _attachments(self, references: list[Element]) -> tuple[Attachment, ...]:
        not_ours = (_TENDER, _OBJECT)
        return tuple(self._attachment(ref) for ref in references if self._type_code(ref) not in not_ours)

    def _attachment(self, reference: Element) -> Attachment:
        values = self.values
        embedded = values.one(reference, "ram:AttachmentBinaryObject")
        return Attachment(
            reference=values.text(reference, _NUMBER_OF),
            description=values.text(reference, "ram:Name"),
            url=values.text(reference, "ram:URIID"),
            name=embedded.get("filename") if embedded is not None else None,
            mime=embedded.get("mimeCode") if embedded is not None else None,
            size=decoded_size(embedded),
        )

    def _line(self, line: Element) -> Line:
        values = self.values
        head = values.one(line, "ram:AssociatedDocumentLineDocument")
        agreement = values.one(line, "ram:SpecifiedLineTradeAgreement")
        settlement = values.one(line, "ram:SpecifiedLineTradeSettlement")
        quantity = values.one(line, "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity")
        tax = values.one(settlement, "ram:ApplicableTradeTax")
        return Line(
            id=values.text(head, "ram:LineID"),
            note=values.text(head, "ram:IncludedNote/ram:Content"),
            object_id=self._object(values.all(settlement, "ram:AdditionalReferencedDocument")),
            quantity=values.number_of(quantity),
            unit=quantity.get("unitCode") if quantity is not None else None,
            net=values.number(
                settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount"
            ),
            order_line=values.text(agreement, "ram:BuyerOrderReferencedDocument/ram:LineID"),
            accounting_reference=values.text(
                settlement, "ram:ReceivableSpecifiedTradeAccountingAccount/ram:ID"
            ),
            period=self._period(settlement),
            allowances=self._allowances(settlement),
            tax_category=values.text(tax, "ram:CategoryCode"),
            tax_rate=values.number(tax, "ram:RateApplicablePercent"),
            **self._price(agreement),
            **self._item(values.one(line, "ram:SpecifiedTradeProduct")),
        )

    def _price(self, agreement: Element | None) -> _Price:
        """BG-29. The base quantity may stand at the net price, at the gross price, or at both."""
        values = self.values
        net = values.one(agreement, "ram:NetPriceProductTradePrice")
        gross = values.one(agreement, "ram:GrossPriceProductTradePrice")
        base_quantity = values.one(net, "ram:BasisQuantity")
        if text_of(base_quantity) is None:
            base_quantity = values.one(gross, "ram:BasisQuantity")
        return {
            "price": values.number(net, "ram:ChargeAmount"),
            "gross_price": values.number(gross, "ram:ChargeAmount"),
            "price_discount": values.number(gross, "ram:AppliedTradeAllowanceCharge/ram:ActualAmount"),
            "base_quantity": values.number_of(base_quantity),
            "base_unit": base_quantity.get("unitCode") if base_quantity is not None else None,
        }

    def _item(self, product: Element | None) -> _Item:
        """BG-31."""
        values = self.values
        return {
            "name": values.text(product, "ram:Name"),
            "description": values.text(product, "ram:Description"),
            "seller_item_id": values.text(product, "ram:SellerAssignedID"),
            "buyer_item_id": values.text(product, "ram:BuyerAssignedID"),
            "standard_item_id": values.identifier(product, "ram:GlobalID"),
            "classifications": values.identifiers(
                product, "ram:DesignatedProductClassification/ram:ClassCode"
            ),
            "origin_country": values.text(product, "ram:OriginTradeCountry/ram:ID"),
            "attributes": tuple(
                map(self._attribute, values.all(product, "ram:ApplicableProductCharacteristic"))
            ),
        }

    def _attribute(self, item: Element) -> Attribute:
        return Attribute(
            name=self.values.text(item, "ram:Description"), value=self.values.text(item, "ram:Value")
        )

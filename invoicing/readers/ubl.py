"""UBL 2.1 invoice and credit note, by the binding of CEN/TS 16931-3-2."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

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
from invoicing.readers.detect import UBL
from invoicing.readers.terms import Term
from invoicing.readers.values import Element, Values, decoded_size, text_of

_NAMESPACES = {"cac": f"{UBL}CommonAggregateComponents-2", "cbc": f"{UBL}CommonBasicComponents-2"}
_OBJECT = "130"
_PROJECT = "50"
_SEPA = "SEPA"


def read(root: Element, kind: Kind) -> tuple[Invoice, list[Finding]]:
    """Read a UBL document by its root element; returns the invoice and what in it could not be read."""
    reader = _UblReader(root, kind)
    return reader.invoice(), reader.values.findings


class _UblReader:
    """Walks one document; methods are named after the groups of EN 16931."""

    def __init__(self, root: Element, kind: Kind) -> None:
        self.root = root
        self.kind: Kind = kind
        self.values = Values(_NAMESPACES)
        self.is_credit = root.tag.endswith("}CreditNote")

    def invoice(self) -> Invoice:
        values, root = self.values, self.root
        references = values.all(root, "cac:AdditionalDocumentReference")
        payment_terms = self._terms()
        return Invoice(
            kind=self.kind,
            number=values.text(root, "cbc:ID"),
            issue_date=values.date(root, "cbc:IssueDate"),
            type_code=values.text(
                root, "cbc:CreditNoteTypeCode" if self.is_credit else "cbc:InvoiceTypeCode"
            ),
            currency=values.text(root, "cbc:DocumentCurrencyCode"),
            tax_currency=values.text(root, "cbc:TaxCurrencyCode"),
            tax_point_date=values.date(root, "cbc:TaxPointDate"),
            tax_point_code=values.text(root, "cac:InvoicePeriod/cbc:DescriptionCode"),
            due_date=self._due_date(payment_terms),
            buyer_reference=values.text(root, "cbc:BuyerReference"),
            project_reference=self._project(references),
            contract_reference=values.text(root, "cac:ContractDocumentReference/cbc:ID"),
            order_reference=values.text(root, "cac:OrderReference/cbc:ID"),
            sales_order_reference=values.text(root, "cac:OrderReference/cbc:SalesOrderID"),
            receiving_advice_reference=values.text(root, "cac:ReceiptDocumentReference/cbc:ID"),
            despatch_advice_reference=values.text(root, "cac:DespatchDocumentReference/cbc:ID"),
            tender_reference=values.text(root, "cac:OriginatorDocumentReference/cbc:ID"),
            object_id=self._object(references),
            accounting_reference=values.text(root, "cbc:AccountingCost"),
            payment_terms=terms.text_of_terms(payment_terms),
            discounts=terms.discounts(payment_terms),
            notes=self._notes(),
            process=values.text(root, "cbc:ProfileID"),
            profile=values.text(root, "cbc:CustomizationID"),
            preceding_invoices=self._preceding(),
            seller=self._party(values.one(root, "cac:AccountingSupplierParty/cac:Party")) or Party(),
            buyer=self._party(values.one(root, "cac:AccountingCustomerParty/cac:Party")) or Party(),
            payee=self._party(values.one(root, "cac:PayeeParty")),
            tax_representative=self._party(values.one(root, "cac:TaxRepresentativeParty")),
            delivery=self._delivery(values.one(root, "cac:Delivery")),
            period=self._period(root),
            payment_means=self._payment_means(),
            allowances=self._allowances(root),
            totals=self._totals(),
            tax_breakdown=self._tax_breakdown(),
            attachments=self._attachments(references),
            lines=self._lines(),
        )

    def _due_date(self, payment_terms: list[Term]) -> date | None:
        """BT-9: a credit note of UBL has it with the payment means, and many invoices do so as well.

        Where neither has one, that of the terms counts; of several dates the last.
        """
        own = None if self.is_credit else self.values.date(self.root, "cbc:DueDate")
        if own is not None:
            return own
        means = self.values.dates(self.root, "cac:PaymentMeans/cbc:PaymentDueDate")
        return max(means, default=None) or terms.due_date(payment_terms)

    def _terms(self) -> list[Term]:
        return [self._term(found) for found in self.values.all(self.root, "cac:PaymentTerms")]

    def _term(self, found: Element) -> Term:
        values = self.values
        percent = values.number(found, "cbc:SettlementDiscountPercent")
        amount = values.number(found, "cbc:SettlementDiscountAmount")
        discount = PaymentDiscount(
            percent=percent,
            amount=amount,
            until=values.date(found, "cac:SettlementPeriod/cbc:EndDate"),
            base=values.number(found, "cbc:Amount"),
        )
        return Term(
            text=terms.lines_of(map(text_of, values.all(found, "cbc:Note"))),
            due=values.date(found, "cbc:PaymentDueDate"),
            discounts=(discount,) if percent is not None or amount is not None else (),
        )

    def _project(self, references: list[Element]) -> str | None:
        """BT-11: a credit note of UBL has no field for it and uses a reference of type 50."""
        named = self.values.text(self.root, "cac:ProjectReference/cbc:ID")
        coded = (self.values.text(ref, "cbc:ID") for ref in references if self._type_code(ref) == _PROJECT)
        return named or next(coded, None)

    def _object(self, references: list[Element]) -> Identifier | None:
        found = (
            self.values.identifier(ref, "cbc:ID") for ref in references if self._type_code(ref) == _OBJECT
        )
        return next(found, None)

    def _type_code(self, reference: Element) -> str | None:
        return self.values.text(reference, "cbc:DocumentTypeCode")

    def _notes(self) -> tuple[Note, ...]:
        texts = map(text_of, self.values.all(self.root, "cbc:Note"))
        return tuple(_note(text) for text in texts if text)

    def _preceding(self) -> tuple[PrecedingInvoice, ...]:
        values = self.values
        found = values.all(self.root, "cac:BillingReference/cac:InvoiceDocumentReference")
        found += values.all(self.root, "cac:BillingReference/cac:CreditNoteDocumentReference")
        return tuple(
            PrecedingInvoice(number=number, issue_date=values.date(reference, "cbc:IssueDate"))
            for reference in found
            if (number := values.text(reference, "cbc:ID"))
        )

    def _party(self, party: Element | None) -> Party | None:
        if party is None:
            return None
        values = self.values
        registered = values.text(party, "cac:PartyLegalEntity/cbc:RegistrationName")
        short = values.text(party, "cac:PartyName/cbc:Name")
        vat_id, tax_id = self._tax_ids(party)
        identifiers = values.identifiers(party, "cac:PartyIdentification/cbc:ID")
        return Party(
            name=registered or short,
            trading_name=short if registered else None,
            identifiers=tuple(each for each in identifiers if each.scheme != _SEPA),
            legal_id=values.identifier(party, "cac:PartyLegalEntity/cbc:CompanyID"),
            vat_id=vat_id,
            tax_id=tax_id,
            legal_form=values.text(party, "cac:PartyLegalEntity/cbc:CompanyLegalForm"),
            electronic_address=values.identifier(party, "cbc:EndpointID"),
            address=self._address(values.one(party, "cac:PostalAddress")),
            contact=self._contact(values.one(party, "cac:Contact")),
        )

    def _tax_ids(self, party: Element) -> tuple[str | None, str | None]:
        """BT-31 and BT-32: one element for both, told apart by the tax scheme."""
        vat_id = tax_id = None
        for registration in self.values.all(party, "cac:PartyTaxScheme"):
            company = self.values.text(registration, "cbc:CompanyID")
            if (self.values.text(registration, "cac:TaxScheme/cbc:ID") or "").upper() == "VAT":
                vat_id = vat_id or company
            else:
                tax_id = tax_id or company
        return vat_id, tax_id

    def _address(self, address: Element | None) -> Address | None:
        if address is None:
            return None
        values = self.values
        return Address(
            street=values.text(address, "cbc:StreetName"),
            additional=values.text(address, "cbc:AdditionalStreetName"),
            third_line=values.text(address, "cac:AddressLine/cbc:Line"),
            city=values.text(address, "cbc:CityName"),
            post_code=values.text(address, "cbc:PostalZone"),
            subdivision=values.text(address, "cbc:CountrySubentity"),
            country=values.text(address, "cac:Country/cbc:IdentificationCode"),
        )

    def _contact(self, contact: Element | None) -> Contact | None:
        if contact is None:
            return None
        values = self.values
        return Contact(
            name=values.text(contact, "cbc:Name"),
            phone=values.text(contact, "cbc:Telephone"),
            email=values.text(contact, "cbc:ElectronicMail"),
        )

    def _delivery(self, delivery: Element | None) -> Delivery | None:
        if delivery is None:
            return None
        values = self.values
        return Delivery(
            name=values.text(delivery, "cac:DeliveryParty/cac:PartyName/cbc:Name"),
            location=values.identifier(delivery, "cac:DeliveryLocation/cbc:ID"),
            on=values.date(delivery, "cbc:ActualDeliveryDate"),
            address=self._address(values.one(delivery, "cac:DeliveryLocation/cac:Address")),
        )

    def _period(self, parent: Element) -> Period | None:
        period = self.values.one(parent, "cac:InvoicePeriod")
        if period is None:
            return None
        return Period(
            start=self.values.date(period, "cbc:StartDate"), end=self.values.date(period, "cbc:EndDate")
        )

    def _payment_means(self) -> tuple[PaymentMeans, ...]:
        creditor_id = self._creditor_id()
        found = self.values.all(self.root, "cac:PaymentMeans")
        return tuple(self._one_payment_means(means, creditor_id) for means in found)

    def _one_payment_means(self, means: Element, creditor_id: str | None) -> PaymentMeans:
        values = self.values
        code = values.one(means, "cbc:PaymentMeansCode")
        account = values.one(means, "cac:PayeeFinancialAccount")
        mandate = values.one(means, "cac:PaymentMandate")
        return PaymentMeans(
            code=text_of(code),
            text=code.get("name") if code is not None else None,
            remittance=values.text(means, "cbc:PaymentID"),
            account=values.text(account, "cbc:ID"),
            account_name=values.text(account, "cbc:Name"),
            bic=values.text(account, "cac:FinancialInstitutionBranch/cbc:ID"),
            card=values.text(means, "cac:CardAccount/cbc:PrimaryAccountNumberID"),
            card_holder=values.text(means, "cac:CardAccount/cbc:HolderName"),
            mandate=values.text(mandate, "cbc:ID"),
            creditor_id=creditor_id if mandate is not None else None,
            debited_account=values.text(mandate, "cac:PayerFinancialAccount/cbc:ID"),
        )

    def _creditor_id(self) -> str | None:
        """BT-90: an identifier of the payee or seller with the scheme SEPA."""
        for path in ("cac:PayeeParty", "cac:AccountingSupplierParty/cac:Party"):
            party = self.values.one(self.root, path)
            for each in self.values.identifiers(party, "cac:PartyIdentification/cbc:ID"):
                if each.scheme == _SEPA:
                    return each.value
        return None

    def _allowances(self, parent: Element) -> tuple[AllowanceCharge, ...]:
        return tuple(map(self._allowance, self.values.all(parent, "cac:AllowanceCharge")))

    def _allowance(self, item: Element) -> AllowanceCharge:
        values = self.values
        return AllowanceCharge(
            is_charge=values.text(item, "cbc:ChargeIndicator") in ("true", "1"),
            amount=values.number(item, "cbc:Amount"),
            base=values.number(item, "cbc:BaseAmount"),
            percent=values.number(item, "cbc:MultiplierFactorNumeric"),
            tax_category=values.text(item, "cac:TaxCategory/cbc:ID"),
            tax_rate=values.number(item, "cac:TaxCategory/cbc:Percent"),
            reason=values.text(item, "cbc:AllowanceChargeReason"),
            reason_code=values.text(item, "cbc:AllowanceChargeReasonCode"),
        )

    def _totals(self) -> Totals:
        values = self.values
        total = values.one(self.root, "cac:LegalMonetaryTotal")
        tax, tax_accounting = self._tax_totals()
        return Totals(
            lines=values.number(total, "cbc:LineExtensionAmount"),
            allowances=values.number(total, "cbc:AllowanceTotalAmount"),
            charges=values.number(total, "cbc:ChargeTotalAmount"),
            net=values.number(total, "cbc:TaxExclusiveAmount"),
            tax=tax,
            tax_accounting=tax_accounting,
            gross=values.number(total, "cbc:TaxInclusiveAmount"),
            prepaid=values.number(total, "cbc:PrepaidAmount"),
            rounding=values.number(total, "cbc:PayableRoundingAmount"),
            payable=values.number(total, "cbc:PayableAmount"),
        )

    def _tax_totals(self) -> tuple[Decimal | None, Decimal | None]:
        """BT-110 and BT-111: two elements of one name, told apart by the currency."""
        currency = self.values.text(self.root, "cbc:DocumentCurrencyCode")
        tax = accounting = None
        for amount in self.values.all(self.root, "cac:TaxTotal/cbc:TaxAmount"):
            if amount.get("currencyID") == currency:
                tax = tax if tax is not None else self.values.number_of(amount)
            else:
                accounting = self.values.number_of(amount)
        return tax, accounting

    def _tax_breakdown(self) -> tuple[TaxBreakdown, ...]:
        return tuple(map(self._tax_row, self.values.all(self.root, "cac:TaxTotal/cac:TaxSubtotal")))

    def _tax_row(self, row: Element) -> TaxBreakdown:
        values = self.values
        category = values.one(row, "cac:TaxCategory")
        return TaxBreakdown(
            taxable=values.number(row, "cbc:TaxableAmount"),
            tax=values.number(row, "cbc:TaxAmount"),
            category=values.text(category, "cbc:ID"),
            rate=values.number(category, "cbc:Percent"),
            exemption_reason=values.text(category, "cbc:TaxExemptionReason"),
            exemption_code=values.text(category, "cbc:TaxExemptionReasonCode"),
        )

    def _attachments(self, references: list[Element]) -> tuple[Attachment, ...]:
        not_ours = (_OBJECT, _PROJECT) if self.is_credit else (_OBJECT,)
        return tuple(self._attachment(ref) for ref in references if self._type_code(ref) not in not_ours)

    def _attachment(self, reference: Element) -> Attachment:
        values = self.values
        embedded = values.one(reference, "cac:Attachment/cbc:EmbeddedDocumentBinaryObject")
        return Attachment(
            reference=values.text(reference, "cbc:ID"),
            description=values.text(reference, "cbc:DocumentDescription"),
            url=values.text(reference, "cac:Attachment/cac:ExternalReference/cbc:URI"),
            name=embedded.get("filename") if embedded is not None else None,
            mime=embedded.get("mimeCode") if embedded is not None else None,
            size=decoded_size(embedded),
        )

    def _lines(self) -> tuple[Line, ...]:
        path = "cac:CreditNoteLine" if self.is_credit else "cac:InvoiceLine"
        return tuple(map(self._line, self.values.all(self.root, path)))

    def _line(self, line: Element) -> Line:
        values = self.values
        quantity = values.one(line, "cbc:CreditedQuantity" if self.is_credit else "cbc:InvoicedQuantity")
        item = values.one(line, "cac:Item")
        price = values.one(line, "cac:Price")
        base_quantity = values.one(price, "cbc:BaseQuantity")
        return Line(
            id=values.text(line, "cbc:ID"),
            note=values.text(line, "cbc:Note"),
            object_id=values.identifier(line, "cac:DocumentReference/cbc:ID"),
            quantity=values.number_of(quantity),
            unit=quantity.get("unitCode") if quantity is not None else None,
            net=values.number(line, "cbc:LineExtensionAmount"),
            order_line=values.text(line, "cac:OrderLineReference/cbc:LineID"),
            accounting_reference=values.text(line, "cbc:AccountingCost"),
            period=self._period(line),
            allowances=self._allowances(line),
            price=values.number(price, "cbc:PriceAmount"),
            price_discount=values.number(price, "cac:AllowanceCharge/cbc:Amount"),
            gross_price=values.number(price, "cac:AllowanceCharge/cbc:BaseAmount"),
            base_quantity=values.number_of(base_quantity),
            base_unit=base_quantity.get("unitCode") if base_quantity is not None else None,
            tax_category=values.text(item, "cac:ClassifiedTaxCategory/cbc:ID"),
            tax_rate=values.number(item, "cac:ClassifiedTaxCategory/cbc:Percent"),
            name=values.text(item, "cbc:Name"),
            description=values.text(item, "cbc:Description"),
            seller_item_id=values.text(item, "cac:SellersItemIdentification/cbc:ID"),
            buyer_item_id=values.text(item, "cac:BuyersItemIdentification/cbc:ID"),
            standard_item_id=values.identifier(item, "cac:StandardItemIdentification/cbc:ID"),
            classifications=values.identifiers(
                item, "cac:CommodityClassification/cbc:ItemClassificationCode"
            ),
            origin_country=values.text(item, "cac:OriginCountry/cbc:IdentificationCode"),
            attributes=tuple(map(self._attribute, values.all(item, "cac:AdditionalItemProperty"))),
        )

    def _attribute(self, item: Element) -> Attribute:
        return Attribute(name=self.values.text(item, "cbc:Name"), value=self.values.text(item, "cbc:Value"))


def _note(text: str) -> Note:
    """Split ``#ADU#some text`` into subject code and text, as the binding writes BT-21 in UBL."""
    if text.startswith("#") and text.count("#") > 1:
        _, subject, rest = text.split("#", 2)
        if rest.strip() and len(subject) == 3:
            return Note(text=rest.strip(), subject=subject)
    return Note(text=text)

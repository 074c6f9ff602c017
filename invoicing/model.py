"""The invoice as one model for all syntaxes, in the terms of EN 16931-1.

Each field names its business term (``BT-``) or group (``BG-``). The model holds what the document says,
not what it should say: nearly everything may be missing, as broken invoices are read as well. Amounts are
`Decimal` with the digits as written, and JSON has them as strings. Texts are stripped and never empty.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

Kind = Literal["ubl-invoice", "ubl-credit-note", "cii", "pdf-cii", "pdf-ubl"]
"""The syntax a document came in."""

_IBAN_LIKE = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{5,}")
_LONGEST_ACCOUNT = 100

MAX_ACCOUNTS = 20
"""Accounts in a summary of an invoice; who compares them takes so many for more than can be meant."""


def decimal_text(value: Decimal) -> str:
    """Write a decimal in plain notation with all its digits: never ``1E+3``."""
    return format(value, "f")


Number = Annotated[Decimal, PlainSerializer(decimal_text, return_type=str, when_used="json")]


def _term(description: str) -> str | None:
    return Field(default=None, description=description)


def _number(description: str) -> Decimal | None:
    return Field(default=None, description=description)


def _date(description: str) -> date | None:
    return Field(default=None, description=description)


class Model(BaseModel):
    """Base of all parts: immutable, and unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Identifier(Model):
    """An identifier with the scheme it belongs to (ISO 6523, UNTDID 1153, UNTDID 7143 ...)."""

    value: str
    scheme: str | None = None
    version: str | None = _term("BT-158-2, version of the scheme, for classifications only")


class Address(Model):
    """Postal address: BG-5 seller, BG-8 buyer, BG-12 tax representative, BG-15 deliver to."""

    street: str | None = _term("BT-35, BT-50, BT-64, BT-75")
    additional: str | None = _term("BT-36, BT-51, BT-65, BT-76")
    third_line: str | None = _term("BT-162, BT-163, BT-164, BT-165")
    city: str | None = _term("BT-37, BT-52, BT-66, BT-77")
    post_code: str | None = _term("BT-38, BT-53, BT-67, BT-78")
    subdivision: str | None = _term("BT-39, BT-54, BT-68, BT-79")
    country: str | None = _term("BT-40, BT-55, BT-69, BT-80: ISO 3166-1 alpha-2")


class Contact(Model):
    """Contact: BG-6 seller, BG-9 buyer."""

    name: str | None = _term("BT-41, BT-56")
    phone: str | None = _term("BT-42, BT-57")
    email: str | None = _term("BT-43, BT-58")


class Party(Model):
    """A party: BG-4 seller, BG-7 buyer, BG-10 payee, BG-11 tax representative."""

    name: str | None = _term("BT-27, BT-44, BT-59, BT-62")
    trading_name: str | None = _term("BT-28, BT-45")
    identifiers: tuple[Identifier, ...] = Field(default=(), description="BT-29, BT-46, BT-60")
    legal_id: Identifier | None = Field(default=None, description="BT-30, BT-47, BT-61")
    vat_id: str | None = _term("BT-31, BT-48, BT-63")
    tax_id: str | None = _term("BT-32: local tax registration")
    legal_form: str | None = _term("BT-33: additional legal information")
    electronic_address: Identifier | None = Field(default=None, description="BT-34, BT-49")
    address: Address | None = None
    contact: Contact | None = None


class Period(Model):
    """A period: BG-14 of the invoice, BG-26 of a line."""

    start: date | None = _date("BT-73, BT-134")
    end: date | None = _date("BT-74, BT-135")


class Delivery(Model):
    """Delivery: BG-13."""

    name: str | None = _term("BT-70")
    location: Identifier | None = Field(default=None, description="BT-71")
    on: date | None = _date("BT-72: actual delivery date")
    address: Address | None = Field(default=None, description="BG-15")


class Note(Model):
    """Note: BG-1."""

    text: str = Field(description="BT-22")
    subject: str | None = _term("BT-21: UNTDID 4451")


class PrecedingInvoice(Model):
    """Reference to an invoice that came before, such as the one a credit note corrects: BG-3."""

    number: str = Field(description="BT-25")
    issue_date: date | None = _date("BT-26")


class PaymentMeans(Model):
    """One way to pay: BG-16 with an account (BG-17), a card (BG-18) or a direct debit (BG-19)."""

    code: str | None = _term("BT-81: UNTDID 4461, such as 58 for a SEPA credit transfer")
    text: str | None = _term("BT-82")
    remittance: str | None = _term("BT-83: remittance information, to be sent with the payment")
    account: str | None = _term("BT-84: account to pay to; an IBAN or a national account number, as written")
    account_name: str | None = _term("BT-85")
    bic: str | None = _term("BT-86: payment service provider of the account")
    card: str | None = _term("BT-87: last digits of the card")
    card_holder: str | None = _term("BT-88")
    mandate: str | None = _term("BT-89: mandate reference of a direct debit")
    creditor_id: str | None = _term("BT-90: bank assigned creditor identifier")
    debited_account: str | None = _term("BT-91: account that a direct debit takes from")

    @property
    def iban(self) -> str | None:
        """The account (BT-84) without spaces when it has the form of an IBAN; its checksum may be wrong."""
        return iban_like(self.account)


class PaymentDiscount(Model):
    """A discount for paying early: no term of EN 16931's own, but written into its payment terms (BT-20)."""

    percent: Number | None = None
    days: int | None = Field(default=None, description="days from the date of issue")
    until: date | None = None
    base: Number | None = Field(default=None, description="what it is a part of, where not of all")
    amount: Number | None = None


class AllowanceCharge(Model):
    """Allowance or charge, of the document (BG-20, BG-21) or of a line (BG-27, BG-28)."""

    is_charge: bool
    amount: Number | None = _number("BT-92, BT-99, BT-136, BT-141")
    base: Number | None = _number("BT-93, BT-100, BT-137, BT-142")
    percent: Number | None = _number("BT-94, BT-101, BT-138, BT-143")
    tax_category: str | None = _term("BT-95, BT-102")
    tax_rate: Number | None = _number("BT-96, BT-103")
    reason: str | None = _term("BT-97, BT-104, BT-139, BT-144")
    reason_code: str | None = _term("BT-98, BT-105, BT-140, BT-145: UNTDID 5189 or 7161")


class Totals(Model):
    """Document totals: BG-22."""

    lines: Number | None = _number("BT-106: sum of the lines' net amounts")
    allowances: Number | None = _number("BT-107")
    charges: Number | None = _number("BT-108")
    net: Number | None = _number("BT-109: total without VAT")
    tax: Number | None = _number("BT-110: VAT total in the invoice currency")
    tax_accounting: Number | None = _number("BT-111: VAT total in the VAT accounting currency")
    gross: Number | None = _number("BT-112: total with VAT")
    prepaid: Number | None = _number("BT-113")
    rounding: Number | None = _number("BT-114")
    payable: Number | None = _number("BT-115: amount due; may be zero or negative")


class TaxBreakdown(Model):
    """One row of the VAT breakdown: BG-23."""

    taxable: Number | None = _number("BT-116")
    tax: Number | None = _number("BT-117")
    category: str | None = _term("BT-118: UNTDID 5305, such as S, Z, E, AE, K, G, O")
    rate: Number | None = _number("BT-119: percent")
    exemption_reason: str | None = _term("BT-120")
    exemption_code: str | None = _term("BT-121: VATEX")


class Attachment(Model):
    """Supporting document: BG-24. The content itself stays in the document."""

    reference: str | None = _term("BT-122")
    description: str | None = _term("BT-123")
    url: str | None = _term("BT-124: external location; never fetched")
    name: str | None = _term("BT-125-2: file name of the embedded content")
    mime: str | None = _term("BT-125-1")
    size: int | None = Field(default=None, description="BT-125: bytes of the embedded content, decoded")


class Attribute(Model):
    """Attribute of an item: BG-32."""

    name: str | None = _term("BT-160")
    value: str | None = _term("BT-161")


class Line(Model):
    """Invoice line: BG-25, with price (BG-29), VAT (BG-30) and item (BG-31)."""

    id: str | None = _term("BT-126")
    note: str | None = _term("BT-127")
    object_id: Identifier | None = Field(default=None, description="BT-128")
    quantity: Number | None = _number("BT-129")
    unit: str | None = _term("BT-130: UN/ECE Recommendation 20 and 21")
    net: Number | None = _number("BT-131")
    order_line: str | None = _term("BT-132")
    accounting_reference: str | None = _term("BT-133")
    period: Period | None = Field(default=None, description="BG-26")
    allowances: tuple[AllowanceCharge, ...] = Field(default=(), description="BG-27 and BG-28")
    price: Number | None = _number("BT-146: item net price")
    price_discount: Number | None = _number("BT-147")
    gross_price: Number | None = _number("BT-148")
    base_quantity: Number | None = _number("BT-149: quantity the price is for; 1 when missing")
    base_unit: str | None = _term("BT-150")
    tax_category: str | None = _term("BT-151")
    tax_rate: Number | None = _number("BT-152")
    name: str | None = _term("BT-153")
    description: str | None = _term("BT-154")
    seller_item_id: str | None = _term("BT-155")
    buyer_item_id: str | None = _term("BT-156")
    standard_item_id: Identifier | None = Field(default=None, description="BT-157")
    classifications: tuple[Identifier, ...] = Field(default=(), description="BT-158")
    origin_country: str | None = _term("BT-159")
    attributes: tuple[Attribute, ...] = Field(default=(), description="BG-32")


class Invoice(Model):
    """An invoice or credit note, whatever syntax it came in."""

    kind: Kind
    number: str | None = _term("BT-1")
    issue_date: date | None = _date("BT-2")
    type_code: str | None = _term("BT-3: UNTDID 1001, such as 380 invoice, 381 credit note")
    currency: str | None = _term("BT-5: ISO 4217")
    tax_currency: str | None = _term("BT-6")
    tax_point_date: date | None = _date("BT-7")
    tax_point_code: str | None = _term("BT-8")
    due_date: date | None = _date("BT-9")
    buyer_reference: str | None = _term("BT-10")
    project_reference: str | None = _term("BT-11")
    contract_reference: str | None = _term("BT-12")
    order_reference: str | None = _term("BT-13")
    sales_order_reference: str | None = _term("BT-14")
    receiving_advice_reference: str | None = _term("BT-15")
    despatch_advice_reference: str | None = _term("BT-16")
    tender_reference: str | None = _term("BT-17")
    object_id: Identifier | None = Field(default=None, description="BT-18")
    accounting_reference: str | None = _term("BT-19")
    payment_terms: str | None = _term("BT-20; a line for each term where there are several")
    discounts: tuple[PaymentDiscount, ...] = Field(default=(), description="for paying early, out of BT-20")
    notes: tuple[Note, ...] = Field(default=(), description="BG-1")
    process: str | None = _term("BT-23: business process")
    profile: str | None = _term("BT-24: specification identifier")
    preceding_invoices: tuple[PrecedingInvoice, ...] = Field(default=(), description="BG-3")
    seller: Party = Field(default=Party(), description="BG-4")
    buyer: Party = Field(default=Party(), description="BG-7")
    payee: Party | None = Field(default=None, description="BG-10")
    tax_representative: Party | None = Field(default=None, description="BG-11")
    delivery: Delivery | None = Field(default=None, description="BG-13")
    period: Period | None = Field(default=None, description="BG-14")
    payment_means: tuple[PaymentMeans, ...] = Field(default=(), description="BG-16 to BG-19")
    allowances: tuple[AllowanceCharge, ...] = Field(default=(), description="BG-20 and BG-21")
    totals: Totals = Field(default=Totals(), description="BG-22")
    tax_breakdown: tuple[TaxBreakdown, ...] = Field(default=(), description="BG-23")
    attachments: tuple[Attachment, ...] = Field(default=(), description="BG-24")
    lines: tuple[Line, ...] = Field(default=(), description="BG-25")

    @property
    def ibans(self) -> tuple[str, ...]:
        """The different accounts to pay to (BT-84) that have the form of an IBAN, in the document's order."""
        return tuple(dict.fromkeys(means.iban for means in self.payment_means if means.iban))

    @property
    def accounts(self) -> tuple[str, ...]:
        """All different accounts to pay to (BT-84), IBAN or not, without spaces and in capitals."""
        written = (means.account for means in self.payment_means if means.account)
        return tuple(dict.fromkeys("".join(account.split()).upper() for account in written))


def iban_like(account: str | None) -> str | None:
    """Return an account without spaces, in capitals, when it has the form of an IBAN; else None."""
    compact = "".join((account or "")[:_LONGEST_ACCOUNT].split()).upper()
    return compact if _IBAN_LIKE.fullmatch(compact) else None

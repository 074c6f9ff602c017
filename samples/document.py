"""An invoice as its seller thinks of it: parties and lines; every total follows from them.

The writers (`samples.ubl`, `samples.cii`, `samples.pdf`) turn it into files. The names in brackets are
those of the business terms of EN 16931.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property

CORE = "urn:cen.eu:en16931:2017"
XRECHNUNG = f"{CORE}#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
PROCESS = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"

CREDIT_TRANSFER, CARD, DIRECT_DEBIT, SEPA_TRANSFER = "30", "48", "59", "58"

# Why there is no VAT, by category: (code of the VATEX list, text).
EXEMPTIONS = {
    "AE": ("VATEX-EU-AE", "Reverse charge"),
    "K": ("VATEX-EU-IC", "Intra-Community supply"),
    "G": ("VATEX-EU-G", "Export outside the EU"),
    "O": ("VATEX-EU-O", "Not subject to VAT"),
    "E": (None, "Exempt from VAT"),
}


def cents(amount: Decimal) -> Decimal:
    """Return an amount rounded to two decimals as invoices do it: half a cent goes up."""
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


@dataclass(frozen=True)
class Party:
    """A company; ``legal_id`` is (number, ISO 6523 scheme or None), ``account`` its IBAN."""

    name: str
    street: str
    post_code: str
    city: str
    country: str
    vat_id: str | None = None
    tax_number: str | None = None
    legal_id: tuple[str, str | None] | None = None
    contact: str = ""
    phone: str = ""
    email: str = ""
    account: str | None = None
    bic: str | None = None


@dataclass(frozen=True)
class Line:
    """A line [BG-25]; ``discount``: an amount off it and why; ``order_line``: of the order [BT-132]."""

    name: str
    quantity: Decimal
    unit: str
    price: Decimal
    rate: Decimal | None
    category: str = "S"
    article: str | None = None
    description: str | None = None
    discount: tuple[Decimal, str] | None = None
    order_line: str | None = None

    @property
    def net(self) -> Decimal:
        """The line's net amount [BT-131]."""
        return cents(self.quantity * self.price) - (self.discount[0] if self.discount else 0)


@dataclass(frozen=True)
class AllowanceCharge:
    """An allowance [BG-20] or a charge [BG-21] on the whole document; ``percent`` is of ``base``."""

    amount: Decimal
    reason: str
    code: str
    rate: Decimal | None
    category: str = "S"
    is_charge: bool = False
    percent: Decimal | None = None
    base: Decimal | None = None


@dataclass(frozen=True)
class Attachment:
    """A supporting document [BG-24] that travels in the invoice."""

    file_name: str
    media_type: str
    description: str
    content: bytes


@dataclass(frozen=True)
class TaxRow:
    """A row of the VAT breakdown [BG-23]."""

    category: str
    rate: Decimal | None
    taxable: Decimal
    tax: Decimal


@dataclass(frozen=True)
class Document:
    """An invoice or credit note; amounts of a credit note are positive."""

    number: str
    issued: date
    seller: Party
    buyer: Party
    lines: tuple[Line, ...]
    due: date | None = None
    type_code: str = "380"
    currency: str = "EUR"
    profile: str = CORE
    process: str | None = None
    buyer_reference: str | None = None
    order: str | None = None
    contract: str | None = None
    project: str | None = None
    preceding: tuple[str, date] | None = None
    note: str | None = None
    delivered: date | None = None
    deliver_to: Party | None = None
    period: tuple[date, date] | None = None
    allowances: tuple[AllowanceCharge, ...] = ()
    means: str = SEPA_TRANSFER
    mandate: tuple[str, str, str] | None = None  # reference, creditor id, debited IBAN
    payment_reference: str | None = None
    terms: str | None = None
    prepaid: Decimal | None = None
    rounding: Decimal | None = None
    exemption: tuple[str | None, str] | None = None
    attachments: tuple[Attachment, ...] = ()
    tax_currency: tuple[str, Decimal] | None = None  # accounting currency and how much of it is one unit
    title: str = field(default="Invoice", compare=False)

    @property
    def is_credit_note(self) -> bool:
        """Tell whether UBL writes it as a credit note."""
        return self.type_code == "381"

    @property
    def line_total(self) -> Decimal:
        """The sum of the lines [BT-106]."""
        return sum((line.net for line in self.lines), Decimal("0.00"))

    def allowance_total(self, charges: bool) -> Decimal:
        """The sum of the allowances [BT-107] or of the charges [BT-108]."""
        return sum((a.amount for a in self.allowances if a.is_charge is charges), Decimal("0.00"))

    @property
    def net(self) -> Decimal:
        """The total without VAT [BT-109]."""
        return self.line_total - self.allowance_total(False) + self.allowance_total(True)

    @cached_property
    def tax_rows(self) -> tuple[TaxRow, ...]:
        """The VAT breakdown [BG-23], in the order in which categories and rates first occur."""
        taxable: dict[tuple[str, Decimal | None], Decimal] = {}
        for line in self.lines:
            key = (line.category, line.rate)
            taxable[key] = taxable.get(key, Decimal("0.00")) + line.net
        for item in self.allowances:
            key = (item.category, item.rate)
            signed = item.amount if item.is_charge else -item.amount
            taxable[key] = taxable.get(key, Decimal("0.00")) + signed
        return tuple(
            TaxRow(category, rate, amount, cents(amount * (rate or 0) / 100))
            for (category, rate), amount in taxable.items()
        )

    @property
    def tax(self) -> Decimal:
        """The VAT total [BT-110]."""
        return sum((row.tax for row in self.tax_rows), Decimal("0.00"))

    @property
    def tax_in_accounting_currency(self) -> Decimal | None:
        """The VAT total in the accounting currency [BT-111]."""
        return cents(self.tax * self.tax_currency[1]) if self.tax_currency else None

    @property
    def gross(self) -> Decimal:
        """The total with VAT [BT-112]."""
        return self.net + self.tax

    @property
    def payable(self) -> Decimal:
        """The amount due [BT-115]."""
        return self.gross - (self.prepaid or 0) + (self.rounding or 0)

    def exemption_of(self, category: str) -> tuple[str | None, str] | None:
        """Return code and text of why there is no VAT, or None for a category that needs none."""
        return (self.exemption or EXEMPTIONS[category]) if category in EXEMPTIONS else None

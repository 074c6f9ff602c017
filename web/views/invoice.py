"""An invoice as a person reads it: who, whom, for what, how much, and how to pay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from invoicing.document_types import is_credit_note
from invoicing.records.document import InvoiceSummary
from web.words import amount, day, iban, number, quantity

if TYPE_CHECKING:
    from invoicing.model import Address, AllowanceCharge, Invoice, Line, Party, PaymentDiscount, PaymentMeans

#: Lines of an invoice on a page; the document itself has all.
MOST_LINES = 200
_MOST_NOTES = 10

# UNTDID 4461, as far as invoices use it.
_MEANS = {
    "1": "not specified",
    "10": "cash",
    "20": "cheque",
    "30": "credit transfer",
    "31": "debit transfer",
    "42": "payment to a bank account",
    "48": "card",
    "49": "direct debit",
    "54": "credit card",
    "55": "debit card",
    "57": "standing agreement",
    "58": "SEPA credit transfer",
    "59": "SEPA direct debit",
    "97": "clearing between partners",
}
# UN/ECE Recommendation 20: the units that invoices are full of.
_UNITS = {
    "C62": "",
    "H87": "pcs",
    "EA": "pcs",
    "XPP": "pcs",
    "HUR": "h",
    "MIN": "min",
    "DAY": "days",
    "WEE": "weeks",
    "MON": "months",
    "ANN": "years",
    "KGM": "kg",
    "GRM": "g",
    "TNE": "t",
    "MTR": "m",
    "KMT": "km",
    "MTK": "m²",
    "MTQ": "m³",
    "LTR": "l",
    "KWH": "kWh",
    "MWH": "MWh",
    "SET": "sets",
    "XBX": "boxes",
    "XPK": "packs",
    "LS": "lump sum",
    "P1": "%",
}

Facts = list[tuple[str, str]]


@dataclass(frozen=True)
class LineShown:
    """One line of an invoice."""

    id: str
    name: str
    more: list[str]
    quantity: str
    price: str
    rate: str
    net: Decimal | None


@dataclass(frozen=True)
class VatShown:
    """One row of the VAT breakdown."""

    category: str | None
    rate: Decimal | None
    taxable: Decimal | None
    tax: Decimal | None


@dataclass(frozen=True)
class InvoiceShown:
    """All that the page shows; amounts are in `currency` unless said otherwise."""

    credit: bool
    number: str
    currency: str
    payable: Decimal | None
    supplier: str
    facts: Facts
    parties: list[tuple[str, str, list[str]]]
    lines: list[LineShown] = field(default_factory=list[LineShown])
    lines_left_out: int = 0
    allowances: list[tuple[str, Decimal | None]] = field(default_factory=list[tuple[str, Decimal | None]])
    vat: list[VatShown] = field(default_factory=list[VatShown])
    totals: list[tuple[str, Decimal, bool]] = field(default_factory=list[tuple[str, Decimal, bool]])
    payment: list[Facts] = field(default_factory=list[Facts])
    terms: str | None = None
    discounts: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    attachments: list[str] = field(default_factory=list[str])


def of_summary(summary: InvoiceSummary) -> InvoiceShown:
    """The invoice as far as the result of its check has it: for a document that is not there any more."""
    sums = [
        ("Without VAT", number(summary.net), False),
        ("VAT", number(summary.tax), False),
        ("With VAT", number(summary.gross), False),
        ("To pay", number(summary.payable), True),
    ]
    seller = [summary.seller_country, _labelled("VAT id", summary.seller_vat_id)]
    return InvoiceShown(
        credit=is_credit_note(summary.type_code),
        number=summary.number or "without a number",
        currency=summary.currency or "",
        payable=number(summary.gross if summary.payable is None else summary.payable),
        supplier=summary.seller or "Supplier not named",
        facts=_some(
            [
                ("Issued", day(summary.issue_date)),
                ("Due", day(summary.due_date)),
                ("Order", summary.order_reference),
            ]
        ),
        parties=[
            ("From", summary.seller or "not named", [text for text in seller if text]),
            ("To", summary.buyer or "not named", []),
        ],
        vat=[VatShown(part.category, part.rate, part.taxable, part.tax) for part in summary.tax_breakdown],
        totals=[(label, value, last) for label, value, last in sums if value is not None],
        payment=[[("Account", iban(summary.iban))]] if summary.iban else [],
    )


def of_invoice(invoice: Invoice) -> InvoiceShown:
    """The whole invoice."""
    totals = invoice.totals
    return InvoiceShown(
        credit=is_credit_note(invoice.type_code),
        number=invoice.number or "without a number",
        currency=invoice.currency or "",
        payable=totals.payable if totals.payable is not None else totals.gross,
        supplier=invoice.seller.name or "Supplier not named",
        facts=_facts(invoice),
        parties=_parties(invoice),
        lines=[_line(line) for line in invoice.lines[:MOST_LINES]],
        lines_left_out=max(0, len(invoice.lines) - MOST_LINES),
        allowances=[_allowance(part) for part in invoice.allowances],
        vat=[VatShown(part.category, part.rate, part.taxable, part.tax) for part in invoice.tax_breakdown],
        totals=_totals(invoice),
        payment=[facts for means in invoice.payment_means if (facts := _payment(means))],
        terms=invoice.payment_terms,
        discounts=[text for part in invoice.discounts if (text := _discount(part))],
        notes=[note.text for note in invoice.notes[:_MOST_NOTES]],
        attachments=[file.name or file.description or file.reference or "" for file in invoice.attachments],
    )


def _facts(invoice: Invoice) -> Facts:
    period = invoice.period
    delivery = invoice.delivery
    return _some(
        [
            ("Issued", day(invoice.issue_date)),
            ("Due", day(invoice.due_date)),
            ("Order", invoice.order_reference),
            ("Contract", invoice.contract_reference),
            ("Project", invoice.project_reference),
            ("Your reference", invoice.buyer_reference),
            ("Delivered", day(delivery.on) if delivery else ""),
            ("Period", _span(day(period.start), day(period.end)) if period else ""),
            ("Corrects", ", ".join(before.number for before in invoice.preceding_invoices)),
        ]
    )


def _span(start: str, end: str) -> str:
    return " to ".join(filter(None, (start, end)))


def _some(facts: Iterable[tuple[str, str | None]]) -> Facts:
    return [(label, value) for label, value in facts if value]


def _labelled(label: str, value: str | None) -> str:
    return f"{label} {value}" if value else ""


def _parties(invoice: Invoice) -> list[tuple[str, str, list[str]]]:
    shown = [("From", invoice.seller), ("To", invoice.buyer)]
    shown += [("Pay to", invoice.payee)] if invoice.payee else []
    shown += [("Tax representative", invoice.tax_representative)] if invoice.tax_representative else []
    return [(label, party.name or "not named", _party_lines(party)) for label, party in shown]


def _party_lines(party: Party) -> list[str]:
    contact = party.contact
    lines = [
        party.trading_name if party.trading_name != party.name else "",
        *_address(party.address),
        _labelled("VAT id", party.vat_id),
        _labelled("Tax number", party.tax_id),
        _labelled("Register", party.legal_id.value if party.legal_id else None),
        ", ".join(filter(None, (contact.name, contact.phone, contact.email))) if contact else "",
    ]
    return [line for line in lines if line]


def _address(address: Address | None) -> list[str]:
    if address is None:
        return []
    place = " ".join(filter(None, (address.post_code, address.city)))
    where = ", ".join(filter(None, (place, address.subdivision, address.country)))
    return [line for line in (address.street, address.additional, address.third_line, where) if line]


def _line(line: Line) -> LineShown:
    period = _span(day(line.period.start), day(line.period.end)) if line.period else ""
    allowances = [f"{name} {amount(value)}" for name, value in map(_allowance, line.allowances)]
    more = [line.description, line.note, _labelled("Article", line.seller_item_id), period, *allowances]
    per = f" per {quantity(line.base_quantity)}" if line.base_quantity not in (None, Decimal(1)) else ""
    return LineShown(
        id=line.id or "",
        name=line.name or "not named",
        more=[text for text in more if text and text != line.name],
        quantity=" ".join(filter(None, (quantity(line.quantity), unit(line.unit)))),
        price=f"{amount(line.price)}{per}",
        rate=f"{quantity(line.tax_rate)} %" if line.tax_rate is not None else line.tax_category or "",
        net=line.net,
    )


def unit(code: str | None) -> str:
    """The word for a code of a unit; codes that are rare stay codes."""
    return _UNITS.get(code or "", code or "")


def _allowance(part: AllowanceCharge) -> tuple[str, Decimal | None]:
    """Its reason, and its amount with the sign that it has in the sum."""
    name = part.reason or ("Charge" if part.is_charge else "Allowance")
    value = part.amount if part.is_charge or part.amount is None else -part.amount
    return name, value


def _totals(invoice: Invoice) -> list[tuple[str, Decimal, bool]]:
    """Label, amount, and whether it is the last word."""
    totals = invoice.totals
    adjusted = bool(totals.allowances or totals.charges)
    rows = [
        ("Lines", totals.lines if adjusted else None),
        ("Allowances", -totals.allowances if totals.allowances else None),
        ("Charges", totals.charges or None),
        ("Without VAT", totals.net),
        ("VAT", totals.tax),
        ("With VAT", totals.gross),
        ("Paid before", -totals.prepaid if totals.prepaid else None),
        ("Rounding", totals.rounding or None),
    ]
    shown = [(label, value, False) for label, value in rows if value is not None]
    if totals.payable is not None:
        label = "To be paid back" if is_credit_note(invoice.type_code) else "To pay"
        shown.append((label, totals.payable, True))
    return shown


def _discount(part: PaymentDiscount) -> str:
    """What a discount comes to, in words; empty where it says neither how much nor until when."""
    share = f"{quantity(part.percent)} %" if part.percent is not None else amount(part.amount)
    limits = [
        f"within {part.days} days of the date of issue" if part.days is not None else "",
        f"until {day(part.until)}" if part.until else "",
    ]
    limit = ", ".join(filter(None, limits))
    base = f" of {amount(part.base)}" if part.base is not None else ""
    return f"{share}{base} off {limit}".strip() if share and limit else ""


def _payment(means: PaymentMeans) -> Facts:
    account = iban(means.iban) if means.iban else means.account
    return _some(
        [
            ("How", means.text or _MEANS.get(means.code or "", f"code {means.code}" if means.code else "")),
            ("Account", account),
            ("Account of", means.account_name),
            ("BIC", means.bic),
            ("Reference", means.remittance),
            ("Card", means.card),
            ("Mandate", means.mandate),
            ("Creditor", means.creditor_id),
            ("Debited account", means.debited_account),
        ]
    )

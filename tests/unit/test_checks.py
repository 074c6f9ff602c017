"""Settle's own checks, on invoices as the readers give them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from invoicing.checks import check
from invoicing.findings import PAYMENT_BLOCKERS, Finding, is_fatal
from invoicing.model import (
    AllowanceCharge,
    Invoice,
    Line,
    Party,
    PaymentMeans,
    TaxBreakdown,
    Totals,
)

RIGHT = Totals(
    lines=Decimal("100.00"),
    allowances=Decimal("10.00"),
    charges=Decimal("5.00"),
    net=Decimal("95.00"),
    tax=Decimal("18.05"),
    gross=Decimal("113.05"),
    prepaid=Decimal("13.00"),
    rounding=Decimal("-0.05"),
    payable=Decimal("100.00"),
)


def _invoice(**changes: object) -> Invoice:
    fields = {
        "kind": "cii",
        "totals": RIGHT,
        "lines": (Line(id="1", quantity=Decimal(4), price=Decimal(25), net=Decimal(100)),),
        "allowances": (
            AllowanceCharge(is_charge=False, amount=Decimal(10)),
            AllowanceCharge(is_charge=True, amount=Decimal(5)),
        ),
        "tax_breakdown": (
            TaxBreakdown(category="S", rate=Decimal(19), taxable=Decimal(95), tax=Decimal("18.05")),
        ),
    }
    return Invoice.model_validate({**fields, **changes})


def _rules(
    invoice: Invoice, *, official: bool = False, minimum: bool = False, today: date | None = None
) -> list[str]:
    return [found.rule for found in check(invoice, official=official, minimum=minimum, today=today)]


def _account(account: str, code: str = "58", bic: str | None = None) -> Invoice:
    return _invoice(payment_means=(PaymentMeans(code=code, account=account, bic=bic),))


def test_a_right_invoice_has_no_findings() -> None:
    """With allowance, charge, prepaid and rounding amount."""
    assert _rules(_invoice(), today=date(2024, 1, 1)) == []


@pytest.mark.parametrize(
    ("field", "value", "rules"),
    [
        ("lines", "99.00", ["SETTLE-SUM-LINES", "SETTLE-SUM-NET"]),
        ("allowances", "9.99", ["SETTLE-SUM-ALLOWANCES", "SETTLE-SUM-NET"]),
        ("charges", "6.00", ["SETTLE-SUM-CHARGES", "SETTLE-SUM-NET"]),
        ("net", "95.01", ["SETTLE-SUM-NET", "SETTLE-SUM-GROSS"]),
        ("tax", "18.06", ["SETTLE-SUM-TAX", "SETTLE-SUM-GROSS"]),
        ("gross", "113.06", ["SETTLE-SUM-GROSS", "SETTLE-SUM-PAYABLE"]),
        ("prepaid", "0", ["SETTLE-SUM-PAYABLE"]),
        ("rounding", "0.05", ["SETTLE-SUM-PAYABLE"]),
        ("payable", "100.01", ["SETTLE-SUM-PAYABLE"]),
    ],
)
def test_each_wrong_total_is_found_where_the_official_rules_do_not_look(
    field: str, value: str, rules: list[str]
) -> None:
    """Where they ran, they have said it already."""
    invoice = _invoice(totals=RIGHT.model_copy(update={field: Decimal(value)}))
    assert _rules(invoice) == rules
    assert is_fatal(check(invoice, official=False))
    assert _rules(invoice, official=True) == []


@pytest.mark.parametrize("field", list(Totals.model_fields))
def test_a_missing_total_is_not_a_wrong_one(field: str) -> None:
    """Missing allowances, charges, VAT, prepaid and rounding count as zero; the others end the check."""
    totals = RIGHT.model_copy(update={field: None})
    assumed_zero = {"allowances", "charges", "tax", "prepaid", "rounding"}
    assert (_rules(_invoice(totals=totals)) == []) == (field not in assumed_zero)


def test_a_missing_line_amount_ends_the_check_of_their_sum() -> None:
    """That it is missing is the finding of another rule."""
    assert _rules(_invoice(lines=(Line(id="1"), Line(id="2", net=Decimal(100))))) == []


def test_payable_may_be_negative_or_zero() -> None:
    """Prepaid more than due: money goes back."""
    totals = RIGHT.model_copy(update={"prepaid": Decimal("150.00"), "payable": Decimal("-37.00")})
    assert _rules(_invoice(totals=totals)) == []


def test_digits_beyond_cents_do_not_matter() -> None:
    """Totals are compared after rounding, as in the official rules."""
    totals = RIGHT.model_copy(update={"net": Decimal("95.0000"), "gross": Decimal("113.0540")})
    assert _rules(_invoice(totals=totals)) == []


def test_minimum_states_no_prepaid_amount_so_its_payable_is_not_checked() -> None:
    """Its amount due may be less than gross without saying why."""
    invoice = Invoice(
        kind="pdf-cii",
        totals=Totals(net=Decimal(100), tax=Decimal(19), gross=Decimal(119), payable=Decimal(19)),
    )
    assert _rules(invoice, minimum=True) == []
    assert _rules(invoice) == ["SETTLE-SUM-PAYABLE"]


@pytest.mark.parametrize(
    ("tax", "right"), [("18.05", True), ("19.04", True), ("17.06", True), ("19.05", False)]
)
def test_the_vat_of_a_category_may_be_off_by_less_than_one(tax: str, right: bool) -> None:
    """BR-CO-17 allows for VAT that was computed line by line."""
    row = TaxBreakdown(category="S", rate=Decimal(19), taxable=Decimal(95), tax=Decimal(tax))
    assert ("SETTLE-SUM-TAX-ROW" in _rules(_invoice(tax_breakdown=(row,)))) != right


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ({"quantity": "3", "price": "33.333", "net": "100.00"}, True),
        ({"quantity": "250", "price": "40", "base_quantity": "100", "net": "100.00"}, True),
        ({"quantity": "-4", "price": "25", "net": "-100.00"}, True),
        ({"quantity": "4", "price": "25", "base_quantity": "0", "net": "1.00"}, True),
        ({"quantity": "4", "price": "25", "net": "100.02"}, True),
        ({"quantity": "4", "price": "25", "net": "100.03"}, False),
        ({"price": "25", "net": "7"}, True),
    ],
)
def test_a_line_that_does_not_add_up_is_a_warning(line: dict[str, str], right: bool) -> None:
    """EN 16931 has no rule for it, and prices with VAT inside are common."""
    found = check(_invoice(lines=(Line.model_validate(line),)), official=True)
    assert [each.rule for each in found] == ([] if right else ["SETTLE-SUM-LINE"])
    assert not is_fatal(found)


def test_allowances_and_charges_of_a_line_count() -> None:
    """Quantity times price, less allowances, plus charges."""
    items = (
        AllowanceCharge(is_charge=False, amount=Decimal(8)),
        AllowanceCharge(is_charge=True, amount=Decimal(3)),
    )
    line = Line(quantity=Decimal(4), price=Decimal(25), net=Decimal(95), allowances=items)
    assert _rules(_invoice(lines=(line,)), official=True) == []


def test_numbers_of_any_length_are_computed_without_error() -> None:
    """The longest numbers that readers take, in every place at once."""
    huge = Decimal("9" * 30 + "." + "9" * 30)
    line = Line(quantity=huge, price=huge, net=huge, base_quantity=Decimal("0." + "0" * 29 + "1"))
    totals = Totals(**dict.fromkeys(Totals.model_fields, huge))
    row = TaxBreakdown(rate=huge, taxable=huge, tax=huge)
    assert "SETTLE-SUM-LINE" in _rules(_invoice(lines=(line,), totals=totals, tax_breakdown=(row,)))


@pytest.mark.parametrize(
    "account", ["DE89370400440532013000", "de89 3704 0044 0532 0130 00", "NL91 ABNA 0417 1643 00"]
)
def test_a_right_iban_has_no_finding(account: str) -> None:
    """Spaces and lower case are layout."""
    assert _rules(_account(account)) == []


def _blocks_payment(found: list[Finding]) -> bool:
    return any(each.rule in PAYMENT_BLOCKERS for each in found)


@pytest.mark.parametrize(
    "account", ["DE88370400440532013000", "DE8937040044053201300", "XX89370400440532013000"]
)
def test_a_wrong_iban_blocks_payment_but_leaves_the_invoice_valid(account: str) -> None:
    """Check digits, length and country count."""
    found = check(_account(account), official=True)
    assert [each.rule for each in found] == ["SETTLE-IBAN"]
    assert _blocks_payment(found)
    assert not is_fatal(found)


def test_an_account_of_every_bank_code_is_right_where_its_check_digits_are() -> None:
    """Belgium: a list of banks in a library knows four codes of five, and new banks get new codes."""
    for bank in range(1000):
        basic = f"{bank:03d}9994208"
        national = f"{basic}{int(basic) % 97 or 97:02d}"
        account = f"BE{98 - int(national + '111400') % 97:02d}{national}"
        assert _rules(_account(account)) == [], account


def test_a_national_account_number_is_no_wrong_iban_unless_sepa_is_asked_for() -> None:
    """BT-84 holds either; code 58 is a SEPA credit transfer."""
    assert _rules(_account("1234567", code="30")) == []
    assert _rules(_account("1234567", code="58")) == ["SETTLE-IBAN"]


def test_an_invoice_without_account_has_no_finding() -> None:
    """Cash, card and direct debit need no account to pay to."""
    assert _rules(_invoice(payment_means=(PaymentMeans(code="10"),))) == []


def test_a_wrong_bic_is_a_warning() -> None:
    """Since IBAN-only payments a BIC is a courtesy."""
    found = check(_account("DE89370400440532013000", bic="NOT-A-BIC"), official=True)
    assert [each.rule for each in found] == ["SETTLE-BIC"]
    assert not is_fatal(found)
    assert not _blocks_payment(found)


@pytest.mark.parametrize(
    ("vat_id", "right"),
    [
        ("DE136695976", True),
        ("DE 136 695 976", True),
        ("DE123456789", False),
        ("FR40303265045", True),
        ("FR41303265045", False),
        ("EL094259216", True),
        ("XI434031494", True),
        ("US123", True),
        ("", True),
        ("D" * 1_000_000, False),
    ],
)
def test_a_vat_id_that_fails_its_checksum_is_a_warning_and_no_more(vat_id: str, right: bool) -> None:
    """Countries without a known rule pass; Greece and Northern Ireland have prefixes of their own."""
    found = check(_invoice(seller=Party(vat_id=vat_id)), official=True)
    assert [each.rule for each in found] == ([] if right else ["SETTLE-VAT-ID"])
    assert not is_fatal(found)
    assert not _blocks_payment(found)
    assert all(len(each.text) <= 600 for each in found)


def test_the_vat_ids_of_buyer_and_representative_are_checked_too() -> None:
    """A mistyped buyer VAT id costs the buyer the input tax."""
    wrong = Party(vat_id="DE123456789")
    assert _rules(_invoice(buyer=wrong, tax_representative=wrong)) == ["SETTLE-VAT-ID"] * 2


@pytest.mark.parametrize(
    ("issued", "due", "rules"),
    [
        (date(2024, 5, 1), date(2024, 5, 1), []),
        (date(2024, 5, 1), date(2024, 4, 30), ["SETTLE-DATE-DUE"]),
        (date(2024, 6, 2), date(2024, 7, 1), ["SETTLE-DATE-FUTURE"]),
        (date(2024, 6, 1), None, []),
        (date(1924, 6, 1), None, ["SETTLE-DATE-YEAR"]),
        (date(2024, 5, 1), date(2204, 5, 1), ["SETTLE-DATE-YEAR"]),
        (None, None, []),
    ],
)
def test_dates_that_make_no_sense_are_warnings(
    issued: date | None, due: date | None, rules: list[str]
) -> None:
    """Seen from 1 June 2024."""
    invoice = _invoice(issue_date=issued, due_date=due)
    assert _rules(invoice, today=date(2024, 6, 1)) == rules


def test_without_a_today_nothing_is_said_of_the_future() -> None:
    """The checks have no clock of their own."""
    assert _rules(_invoice(issue_date=date(2999, 1, 1))) == []

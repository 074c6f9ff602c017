"""When an invoice is due, and what is taken off for paying early, in each form that senders write it."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal

import pytest

from invoicing.findings import Finding
from invoicing.model import Invoice, PaymentDiscount
from invoicing.readers import cii as cii_reader
from invoicing.readers import ubl as ubl_reader
from invoicing.readers.detect import syntax_of
from invoicing.readers.terms import MAX_DISCOUNTS, Term, discounts, due_date, written_discounts
from invoicing.safe_xml import parse
from tests.official_rules import PROJECT, checker, needs_rules
from tests.unit.invoice_documents import cii, ubl
from web.views.invoice import of_invoice

CASES = PROJECT.parent / "shared" / "cases" / "invoices"

UBL_DUE = "  <cbc:DueDate>2024-03-31</cbc:DueDate>\n"
UBL_TERMS = "<cac:PaymentTerms><cbc:Note>30 days</cbc:Note></cac:PaymentTerms>"
UBL_CODE = "<cbc:PaymentMeansCode>58</cbc:PaymentMeansCode>"
CII_TERM = "      <ram:SpecifiedTradePaymentTerms>\n        <ram:Description>30 days</ram:Description>"
CII_DISCOUNT = """      <ram:SpecifiedTradePaymentTerms>
        <ram:Description>2 % for paying early</ram:Description>
        <ram:DueDateDateTime>
          <udt:DateTimeString format="102">20240311</udt:DateTimeString>
        </ram:DueDateDateTime>
        <ram:ApplicableTradePaymentDiscountTerms>
          <ram:BasisAmount>100.00</ram:BasisAmount><ram:CalculationPercent>2</ram:CalculationPercent>
        </ram:ApplicableTradePaymentDiscountTerms>
      </ram:SpecifiedTradePaymentTerms>
"""


def read(content: bytes) -> tuple[Invoice, list[Finding]]:
    """Read a document the way the assessment does."""
    root = parse(content)
    syntax = syntax_of(root)
    return (cii_reader if syntax == "cii" else ubl_reader).read(root, syntax)


# ---------------------------------------------------------------- the due date


def test_due_date_of_a_ubl_invoice_may_stand_with_the_payment_means() -> None:
    """Where BT-9 belongs in a credit note only; of several dates the last counts."""
    dated = [f"{UBL_CODE}<cbc:PaymentDueDate>2024-04-{day}</cbc:PaymentDueDate>" for day in ("02", "09")]
    invoice, findings = read(ubl((UBL_DUE, ""), (f"{UBL_CODE}<cbc:PaymentID>", f"{dated[1]}<cbc:PaymentID>")))
    assert (invoice.due_date, findings) == (date(2024, 4, 9), [])


def test_own_due_date_comes_first() -> None:
    """What the standard names counts before what stands elsewhere."""
    elsewhere = f"{UBL_CODE}<cbc:PaymentDueDate>2024-04-09</cbc:PaymentDueDate><cbc:PaymentID>"
    invoice, _ = read(ubl((f"{UBL_CODE}<cbc:PaymentID>", elsewhere)))
    assert invoice.due_date == date(2024, 3, 31)


def test_due_date_of_a_ubl_invoice_may_stand_with_its_terms() -> None:
    """The third place that UBL has for it."""
    terms = (
        "<cac:PaymentTerms><cbc:Note>30 days</cbc:Note>"
        "<cbc:PaymentDueDate>2024-04-30</cbc:PaymentDueDate></cac:PaymentTerms>"
    )
    invoice, _ = read(ubl((UBL_DUE, ""), (UBL_TERMS, terms)))
    assert invoice.due_date == date(2024, 4, 30)


def test_net_date_is_due_where_a_discount_comes_first() -> None:
    """The date of the discount is that of the discount, whatever comes first."""
    invoice, findings = read(cii((CII_TERM, CII_DISCOUNT + CII_TERM)))
    assert findings == []
    assert invoice.due_date == date(2024, 3, 31)
    assert invoice.payment_terms == "2 % for paying early\n30 days"
    assert invoice.discounts == (
        PaymentDiscount(percent=Decimal(2), base=Decimal("100.00"), until=date(2024, 3, 11)),
    )


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([], None),
        ([Term()], None),
        ([Term(due=date(2026, 1, 5))], date(2026, 1, 5)),
        ([Term(due=date(2026, 1, 5)), Term(due=date(2026, 1, 3))], date(2026, 1, 5)),
        # Only the discount has a date: it is the last one that is known.
        ([Term(due=date(2026, 1, 5), discounts=(PaymentDiscount(percent=Decimal(2)),))], date(2026, 1, 5)),
    ],
)
def test_due_date_of_some_terms(terms: list[Term], expected: date | None) -> None:
    """The last date of those without a discount, else of all."""
    assert due_date(terms) == expected


# ---------------------------------------------------------------- discounts


def test_discounts_in_the_text_of_the_terms_are_read() -> None:
    """As XRechnung has them (BR-DE-18), several in one text; the text stays as it is."""
    note = "#SKONTO#TAGE=7#PROZENT=3.00#\n#SKONTO#TAGE=14#PROZENT=2.25#BASISBETRAG=500.00#\nthen net"
    invoice, _ = read(ubl(("<cbc:Note>30 days</cbc:Note>", f"<cbc:Note>{note}</cbc:Note>")))
    assert invoice.discounts == (
        PaymentDiscount(percent=Decimal("3.00"), days=7),
        PaymentDiscount(percent=Decimal("2.25"), days=14, base=Decimal("500.00")),
    )
    assert invoice.payment_terms == note


def test_discount_fields_of_ubl_are_read() -> None:
    """Percent, its end, and the amount that it is a part of."""
    terms = (
        "<cac:PaymentTerms><cbc:Note>early</cbc:Note>"
        "<cbc:SettlementDiscountPercent>2</cbc:SettlementDiscountPercent>"
        '<cbc:Amount currencyID="EUR">90.00</cbc:Amount><cac:SettlementPeriod>'
        "<cbc:EndDate>2024-03-08</cbc:EndDate></cac:SettlementPeriod></cac:PaymentTerms>"
    )
    invoice, _ = read(ubl((UBL_TERMS, terms)))
    assert invoice.discounts == (
        PaymentDiscount(percent=Decimal(2), until=date(2024, 3, 8), base=Decimal("90.00")),
    )


@pytest.mark.parametrize(
    ("measure", "days"),
    [
        ('<ram:BasisPeriodMeasure unitCode="DAY">14</ram:BasisPeriodMeasure>', 14),
        ('<ram:BasisPeriodMeasure unitCode="MON">1</ram:BasisPeriodMeasure>', None),
        ('<ram:BasisPeriodMeasure unitCode="DAY">1.5</ram:BasisPeriodMeasure>', None),
        (f'<ram:BasisPeriodMeasure unitCode="DAY">{"9" * 25}</ram:BasisPeriodMeasure>', None),
    ],
)
def test_days_of_a_discount_are_whole_and_plausible(measure: str, days: int | None) -> None:
    """What cannot be meant is left out, and shows in the text alone."""
    term = CII_DISCOUNT.replace("<ram:BasisAmount>", f"{measure}<ram:BasisAmount>")
    invoice, _ = read(cii((CII_TERM, term + CII_TERM)))
    assert [discount.days for discount in invoice.discounts] == [days]


def test_text_full_of_discounts_is_read_in_linear_time_and_cut() -> None:
    """A megabyte of them, whole and broken off."""
    started = time.process_time()
    text = "#SKONTO#TAGE=7#PROZENT=3.00#" * 20_000 + "#SKONTO#TAGE=7#PROZENT=" * 20_000
    found = discounts([Term(text=text), Term(text="#SKONTO#TAGE=1#PROZENT=1.00#")])
    assert len(written_discounts(text)) == MAX_DISCOUNTS
    assert [discount.days for discount in found] == [7, 1]
    assert time.process_time() - started < 1


def test_discounts_are_shown_in_words() -> None:
    """How much, of what, until when."""
    note = "#SKONTO#TAGE=14#PROZENT=2.25#BASISBETRAG=500.00#"
    invoice, _ = read(ubl(("<cbc:Note>30 days</cbc:Note>", f"<cbc:Note>{note}</cbc:Note>")))
    assert of_invoice(invoice).discounts == ["2.25 % of 500.00 off within 14 days of the date of issue"]


# ---------------------------------------------------------------- dates with blanks


@needs_rules
@pytest.mark.parametrize("blanks", [" ", "\n    ", "\t"])
def test_blanks_around_a_date_are_allowed(blanks: str) -> None:
    """XML schema takes them away before it looks at a date; libxml2 does not."""
    changed = ubl(
        ("<cbc:IssueDate>2024-03-01<", f"<cbc:IssueDate>{blanks}2024-03-01{blanks}<"),
        ("<cbc:ActualDeliveryDate>2024-02-28<", f"<cbc:ActualDeliveryDate>2024-02-28{blanks}<"),
    )
    assessment = checker().assess("blanks.xml", changed)
    assert [found.rule for found in assessment.findings if found.severity == "fatal"] == []
    assert assessment.outcome == checker().assess("plain.xml", ubl()).outcome


@needs_rules
def test_what_is_no_date_stays_wrong() -> None:
    """Blanks inside, or a day that there is not."""
    for text in ("2024-03 -01", "2024-02-31 ", "\u00a02024-03-01"):
        changed = ubl(("<cbc:IssueDate>2024-03-01<", f"<cbc:IssueDate>{text}<"))
        assert checker().assess("wrong.xml", changed).outcome == "invalid", text


# ---------------------------------------------------------------- public files


@needs_rules
@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the project")
def test_public_files_get_their_right_dates() -> None:
    """A net term behind a discount, and a date with a blank."""
    two = CASES / "20-two-payment-terms" / "two-terms.xml"
    invoice = checker().assess(two.name, two.read_bytes()).invoice
    assert invoice is not None
    assert invoice.due_date == date(2026, 10, 31)
    assert [discount.until for discount in invoice.discounts] == [date(2026, 10, 11)]

    blank = CASES / "corpus" / "date_trailing_space.xml"
    assessment = checker().assess(blank.name, blank.read_bytes())
    assert "SETTLE-SCHEMA" not in {found.rule for found in assessment.findings}

"""Reading UBL and CII into the one model."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest

from invoicing.findings import Finding
from invoicing.model import Invoice
from invoicing.readers import cii as cii_reader
from invoicing.readers import ubl as ubl_reader
from invoicing.readers.detect import syntax_of
from invoicing.safe_xml import BadDocument, parse
from tests.unit.invoice_documents import cii, ubl, ubl_credit_note


def read(content: bytes) -> tuple[Invoice, list[Finding]]:
    """Read a document the way the assessment does."""
    root = parse(content)
    syntax = syntax_of(root)
    return (cii_reader if syntax == "cii" else ubl_reader).read(root, syntax)


@pytest.fixture(params=[ubl, cii], ids=["ubl", "cii"])
def invoice(request: pytest.FixtureRequest) -> Invoice:
    """The same purchase, read from each of the syntaxes."""
    found, findings = read(request.param())
    assert findings == []
    return found


def test_the_head_is_read(invoice: Invoice) -> None:
    """Numbers, dates, references and notes."""
    assert (invoice.number, invoice.type_code, invoice.currency) == ("R-17", "380", "EUR")
    assert (invoice.issue_date, invoice.due_date) == (date(2024, 3, 1), date(2024, 3, 31))
    assert (invoice.order_reference, invoice.contract_reference, invoice.buyer_reference) == (
        "PO-5",
        "C-9",
        "B-1",
    )
    assert invoice.profile == "urn:cen.eu:en16931:2017"
    assert [(note.subject, note.text) for note in invoice.notes] == [("AAI", "Thank you for your order.")]
    assert [(p.number, p.issue_date) for p in invoice.preceding_invoices] == [("R-16", date(2024, 2, 1))]
    assert invoice.payment_terms == "30 days"
    assert invoice.delivery is not None
    assert invoice.delivery.on == date(2024, 2, 28)


def test_the_parties_are_read(invoice: Invoice) -> None:
    """Names, ids with their schemes, address and contact."""
    seller = invoice.seller
    assert (seller.name, seller.trading_name, seller.vat_id) == ("Seller GmbH", "Seller", "DE136695976")
    assert seller.legal_id is not None
    assert seller.legal_id.value == "HRB 1"
    assert [(each.value, each.scheme) for each in seller.identifiers] == [("4012345000009", "0088")]
    assert seller.address is not None
    assert (seller.address.street, seller.address.post_code, seller.address.country) == (
        "Street 1",
        "10115",
        "DE",
    )
    assert seller.contact is not None
    assert (seller.contact.name, seller.contact.email) == ("Ann", "ann@seller.example")
    assert (invoice.buyer.name, invoice.buyer.vat_id, invoice.buyer.legal_id) == ("Buyer SA", None, None)


def test_the_amounts_are_read_as_exact_decimals(invoice: Invoice) -> None:
    """Totals, VAT breakdown and allowances."""
    totals = invoice.totals
    assert (totals.lines, totals.allowances, totals.charges) == (Decimal("100.00"), Decimal("10.00"), None)
    assert (totals.net, totals.tax, totals.gross) == (Decimal("90.00"), Decimal("17.10"), Decimal("107.10"))
    assert (totals.prepaid, totals.rounding, totals.payable) == (Decimal(7), Decimal("-0.10"), Decimal(100))
    assert [(row.category, row.rate, row.taxable, row.tax) for row in invoice.tax_breakdown] == [
        ("S", Decimal(19), Decimal(90), Decimal("17.10"))
    ]
    assert [(item.is_charge, item.amount, item.reason) for item in invoice.allowances] == [
        (False, Decimal(10), "Discount")
    ]


def test_the_lines_are_read(invoice: Invoice) -> None:
    """Quantity, unit, price, amount and VAT."""
    (line,) = invoice.lines
    assert (line.id, line.name, line.quantity, line.unit) == ("1", "Work", Decimal(4), "HUR")
    assert (line.price, line.net, line.tax_category, line.tax_rate) == (
        Decimal(25),
        Decimal(100),
        "S",
        Decimal(19),
    )


def test_every_account_is_read(invoice: Invoice) -> None:
    """Several accounts happen."""
    first, second = invoice.payment_means
    assert (first.code, first.account, first.bic) == ("58", "DE89 3704 0044 0532 0130 00", "COBADEFFXXX")
    assert (first.remittance, first.account_name) == ("R-17", "Seller GmbH")
    assert second.bic is None
    assert invoice.ibans == ("DE89370400440532013000", "NL91ABNA0417164300")


def test_attachments_are_listed_by_name_and_decoded_size(invoice: Invoice) -> None:
    """The content stays where it is."""
    (attachment,) = invoice.attachments
    assert (attachment.reference, attachment.name, attachment.mime) == ("sheet", "hours.csv", "text/csv")
    assert attachment.size == len(b"hours")


def test_json_has_amounts_as_strings_with_the_digits_as_written(invoice: Invoice) -> None:
    """Floats would change money."""
    data = json.loads(invoice.model_dump_json())
    assert data["totals"]["net"] == "90.00"
    assert data["lines"][0]["price"] == "25.00"
    assert Invoice.model_validate_json(invoice.model_dump_json()) == invoice


def test_both_syntaxes_give_the_same_model() -> None:
    """Nothing after the readers needs to know the syntax."""
    from_ubl, _ = read(ubl())
    from_cii, _ = read(cii())
    # What CII states once per document applies to each of its payment means.
    left_out = {"kind": True, "payment_means": {1: {"remittance"}}}
    assert from_ubl.model_dump(exclude=left_out) == from_cii.model_dump(exclude=left_out)


def test_a_credit_note_has_names_of_its_own() -> None:
    """Root, type, lines, quantity and due date are named differently in UBL."""
    invoice, findings = read(ubl_credit_note())
    assert findings == []
    assert (invoice.kind, invoice.type_code, invoice.due_date) == (
        "ubl-credit-note",
        "381",
        date(2024, 3, 31),
    )
    assert [line.quantity for line in invoice.lines] == [Decimal(4)]


@pytest.mark.parametrize("text", ["1,50", "1e3", "NaN", "abc", "\u0661", "1_000", "9" * 61, "0x10"])
def test_what_is_no_number_is_a_finding_and_no_amount(text: str) -> None:
    """Python would take some of these for numbers; XML schema does not."""
    invoice, findings = read(ubl((">100.00</cbc:PayableAmount>", f">{text}</cbc:PayableAmount>")))
    assert invoice.totals.payable is None
    (found,) = findings
    assert (found.rule, found.severity) == ("SETTLE-READ-NUMBER", "fatal")
    assert found.place == "/Invoice/LegalMonetaryTotal/PayableAmount"


@pytest.mark.parametrize(
    ("text", "expected"), [("+5", "5"), ("-0.50", "-0.50"), (".5", "0.5"), ("7.", "7"), (" 12.00\n", "12.00")]
)
def test_all_forms_of_xml_schema_decimals_are_read(text: str, expected: str) -> None:
    """Sign, missing digits on one side, white space around."""
    invoice, findings = read(ubl((">100.00</cbc:PayableAmount>", f">{text}</cbc:PayableAmount>")))
    assert findings == []
    assert str(invoice.totals.payable) == expected


@pytest.mark.parametrize("text", ["2024-02-30", "01.03.2024", "2024-3-1", "soon", "0000-01-01"])
def test_what_is_no_date_is_a_finding_and_no_date(text: str) -> None:
    """Also a day that does not exist."""
    invoice, findings = read(ubl(("<cbc:IssueDate>2024-03-01", f"<cbc:IssueDate>{text}")))
    assert invoice.issue_date is None
    assert [found.rule for found in findings] == ["SETTLE-READ-DATE"]


@pytest.mark.parametrize(
    "text", ["2024-03-01", "2024-03-01Z", "2024-03-01+01:00", "2024-03-01T10:00:00Z", "20240301"]
)
def test_zone_and_time_of_a_date_do_not_matter(text: str) -> None:
    """An invoice is of a day."""
    invoice, findings = read(ubl(("<cbc:IssueDate>2024-03-01", f"<cbc:IssueDate>{text}")))
    assert (invoice.issue_date, findings) == (date(2024, 3, 1), [])


@pytest.mark.parametrize(
    ("text", "readable"), [("202403011530", True), ("20240301153000", True), ("202403", False)]
)
def test_cii_dates_may_carry_a_time_but_must_name_a_day(text: str, readable: bool) -> None:
    """CII has formats with time, and one for months."""
    invoice, findings = read(
        cii(('<udt:DateTimeString format="102">20240301', f'<udt:DateTimeString format="203">{text}'))
    )
    assert (invoice.issue_date == date(2024, 3, 1), findings == []) == (readable, readable)


def test_an_empty_invoice_is_read_as_one_that_says_nothing() -> None:
    """Everything may be missing."""
    invoice, findings = read(b'<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>')
    assert findings == []
    assert (invoice.number, invoice.totals.payable, invoice.lines, invoice.seller.name) == (
        None,
        None,
        (),
        None,
    )


def test_findings_of_unreadable_values_are_bounded() -> None:
    """One mistake of a program repeats on each of its lines."""
    line = "<cac:InvoiceLine><cbc:LineExtensionAmount>x</cbc:LineExtensionAmount></cac:InvoiceLine>"
    _, findings = read(ubl(("</Invoice>", line * 5000 + "</Invoice>")))
    assert len(findings) == 100


def test_vat_totals_are_told_apart_by_currency() -> None:
    """BT-110 and BT-111 are two elements of one name."""
    second = (
        '</cac:TaxTotal><cac:TaxTotal><cbc:TaxAmount currencyID="SEK">190.00</cbc:TaxAmount></cac:TaxTotal>'
    )
    invoice, _ = read(ubl(("</cac:TaxTotal>", second)))
    assert (invoice.totals.tax, invoice.totals.tax_accounting) == (Decimal("17.10"), Decimal("190.00"))
    first = '<ram:TaxTotalAmount currencyID="EUR">'
    invoice, _ = read(
        cii((first, f'<ram:TaxTotalAmount currencyID="SEK">190.00</ram:TaxTotalAmount>{first}'))
    )
    assert (invoice.totals.tax, invoice.totals.tax_accounting) == (Decimal("17.10"), Decimal("190.00"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html/>", "root element html"),
        (
            b'<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>',
            "UBL document of the type Order",
        ),
        (b'<r:CrossIndustryDocument xmlns:r="urn:ferd:CrossIndustryDocument:invoice:1p0"/>', "ZUGFeRD 1.0"),
        (
            b'<r:SCRDMCCBDACIOMessageStructure xmlns:r="urn:un:unece:uncefact:data:x:100"/>',
            "Order-X",
        ),
        (b"<Invoice/>", "root element Invoice"),
    ],
)
def test_other_xml_is_not_an_invoice_and_is_told_what_it_is(content: bytes, words: str) -> None:
    """The sender should learn what was sent by mistake."""
    with pytest.raises(BadDocument, match=words) as caught:
        syntax_of(parse(content))
    assert caught.value.finding.rule == "SETTLE-NOT-INVOICE"

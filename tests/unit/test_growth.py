"""Reading and checking takes time with the size of a document, not with its square.

Each document repeats one small element 40,000 times, about 1 MB, and takes half a second; where each one was
compared with all others, it took minutes.
"""

from __future__ import annotations

import pytest

from invoicing import checks
from invoicing.assess import claim_of, limited
from invoicing.readers import cii as cii_reader
from invoicing.readers import ubl as ubl_reader
from invoicing.safe_xml import parse
from tests.official_rules import checker, needs_rules
from tests.unit.invoice_documents import cii, ubl
from tests.unit.linear import processor_seconds

TIMES = 40_000
BOUND = 15.0

REFERENCE = (
    "<cac:AdditionalDocumentReference><cbc:DocumentTypeCode>50</cbc:DocumentTypeCode>"
    "</cac:AdditionalDocumentReference>"
)
WRONG_LINE = "<cac:InvoiceLine><cbc:LineExtensionAmount>x</cbc:LineExtensionAmount></cac:InvoiceLine>"
ALLOWANCE = (
    "<cac:AllowanceCharge><cbc:ChargeIndicator>false</cbc:ChargeIndicator>"
    '<cbc:AllowanceChargeReason>x</cbc:AllowanceChargeReason><cbc:Amount currencyID="EUR">1</cbc:Amount>'
    "<cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent>"
    "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory></cac:AllowanceCharge>"
)


@pytest.mark.parametrize(
    ("end", "element"),
    [
        ("</Invoice>", "<cac:InvoiceLine/>"),
        ("</Invoice>", WRONG_LINE),
        ("</Invoice>", "<cbc:Note>#AAA#x</cbc:Note>"),
        ("</Invoice>", "<cac:PaymentMeans/>"),
        ("</Invoice>", "<cac:AllowanceCharge/>"),
        ("</Invoice>", "<cac:TaxTotal><cac:TaxSubtotal/></cac:TaxTotal>"),
        ("</Invoice>", REFERENCE),
        ("</Invoice>", "<cbc:Junk/>"),
    ],
)
def test_a_ubl_invoice_is_read_in_linear_time(end: str, element: str) -> None:
    """Whatever of it there are many of."""
    root = parse(ubl((end, element * TIMES + end)))
    assert processor_seconds(lambda: _read(ubl_reader, root, "ubl-invoice")) < BOUND


@pytest.mark.parametrize(
    ("end", "element"),
    [
        ("</ram:ApplicableHeaderTradeSettlement>", "<ram:SpecifiedTradeSettlementPaymentMeans/>"),
        ("</ram:ApplicableHeaderTradeSettlement>", "<ram:ApplicableTradeTax/>"),
        ("</ram:ApplicableHeaderTradeSettlement>", "<ram:SpecifiedTradeAllowanceCharge/>"),
        ("</ram:ApplicableHeaderTradeSettlement>", "<ram:InvoiceReferencedDocument/>"),
        ("</ram:ApplicableHeaderTradeAgreement>", "<ram:AdditionalReferencedDocument/>"),
        ("</rsm:SupplyChainTradeTransaction>", "<ram:IncludedSupplyChainTradeLineItem/>"),
        ("</ram:ApplicableHeaderTradeSettlement>", "<ram:Junk/>"),
    ],
)
def test_a_cii_invoice_is_read_in_linear_time(end: str, element: str) -> None:
    """Whatever of it there are many of."""
    root = parse(cii((end, element * TIMES + end)))
    assert processor_seconds(lambda: _read(cii_reader, root, "cii")) < BOUND


def _read(reader, root, kind: str) -> None:
    invoice, found = reader.read(root, kind)
    found += checks.check(invoice, official=False)
    claim_of(invoice)
    limited(found)


@needs_rules
def test_an_invoice_that_takes_the_official_rules_minutes_is_refused_by_a_rule_of_ours() -> None:
    """They compare each VAT row with each allowance: 4,000 by 4,000 took fifty seconds."""
    row = ubl().decode().partition("<cac:TaxSubtotal>")[2].partition("</cac:TaxSubtotal>")[0]
    row = f"<cac:TaxSubtotal>{row}</cac:TaxSubtotal>"
    content = ubl(("<cac:TaxTotal>", ALLOWANCE * 4000 + "<cac:TaxTotal>"), (row, row * 4000))
    found = checker().assess("a.xml", content)
    assert "SETTLE-RULES-LIMIT" in {one.rule for one in found.findings}
    assert found.outcome == "invalid"
    assert "SETTLE-SUM-ALLOWANCES" in {one.rule for one in found.findings}, "our own sums are checked instead"


@needs_rules
def test_an_invoice_of_a_thousand_allowances_is_for_the_official_rules() -> None:
    """The limit is far from what is sent in earnest."""
    found = checker().assess("a.xml", ubl(("<cac:TaxTotal>", ALLOWANCE * 1000 + "<cac:TaxTotal>")))
    rules = {one.rule for one in found.findings}
    assert "SETTLE-RULES-LIMIT" not in rules
    assert "BR-CO-11" in rules

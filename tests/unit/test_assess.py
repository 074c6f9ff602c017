"""From bytes to result: the whole way, with the official rules."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invoicing.assess import Assessment, Checker, limited, row
from invoicing.findings import RULES, Finding, finding
from invoicing.opening import MAX_BYTES
from invoicing.records.document import DocumentRow
from invoicing.rules.folder import RulesMissing
from tests.official_rules import checker, needs_rules
from tests.unit.invoice_documents import BASIC_WL, EN16931, XRECHNUNG, cii, pdf, ubl, ubl_credit_note


def _assess(content: bytes, today: date | None = None) -> Assessment:
    return checker().assess("a.xml", content, today)


def _rules(assessment: Assessment, severity: str = "fatal") -> set[str]:
    return {found.rule for found in assessment.findings if found.severity == severity}


@needs_rules
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (ubl(), "ubl-invoice"),
        (ubl_credit_note(), "ubl-credit-note"),
        (cii(), "cii"),
        (pdf({"factur-x.xml": cii()}), "pdf-cii"),
        (pdf({"xrechnung.xml": ubl()}), "pdf-ubl"),
        (b"\xef\xbb\xbf" + ubl(), "ubl-invoice"),
        (ubl(('encoding="UTF-8"', 'encoding="UTF-16"')).decode().encode("utf-16"), "ubl-invoice"),
    ],
    ids=["ubl", "credit note", "cii", "pdf with cii", "pdf with ubl", "byte-order mark", "utf-16"],
)
def test_a_right_invoice_is_valid_in_every_syntax(content: bytes, kind: str) -> None:
    """Syntax, wrapping and encoding make no difference to the result."""
    result = _assess(content)
    assert (result.kind, result.outcome, result.findings) == (kind, "valid", [])
    assert (result.profile, result.en16931) == (EN16931, True)
    assert result.invoice is not None
    assert result.invoice.number == "R-17"


@needs_rules
@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "SETTLE-FILE-EMPTY"),
        (b" \r\n", "SETTLE-FILE-EMPTY"),
        (b"x" * (MAX_BYTES + 1), "SETTLE-FILE-TOO-LARGE"),
        (b"Dear Sir, please find enclosed", "SETTLE-XML-BROKEN"),
        (ubl()[:500], "SETTLE-XML-BROKEN"),
        (b"<html><body>Invoice</body></html>", "SETTLE-NOT-INVOICE"),
        (b"PK\x03\x04 and so on", "SETTLE-NOT-INVOICE"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "SETTLE-XML-DTD"),
        (pdf({}), "SETTLE-PDF-NO-INVOICE"),
        (pdf({"factur-x.xml": cii()}, password="secret"), "SETTLE-PDF-ENCRYPTED"),
        (b"%PDF-1.7\n%%EOF", "SETTLE-PDF-BROKEN"),
    ],
)
def test_what_cannot_be_read_says_why(content: bytes, rule: str) -> None:
    """One fatal finding names the cause; nothing is made up about the invoice."""
    result = _assess(content)
    assert (result.kind, result.outcome, result.invoice) == (None, "unreadable", None)
    assert [(found.rule, found.severity) for found in result.findings] == [(rule, "fatal")]


@needs_rules
def test_an_official_rule_is_reported_once_and_not_by_us_again() -> None:
    """BR-CO-16 and our check of the payable amount look at the same sum."""
    wrong = (">100.00</cbc:PayableAmount>", ">99.00</cbc:PayableAmount>")
    result = _assess(ubl(wrong))
    assert (result.outcome, _rules(result)) == ("invalid", {"BR-CO-16"})


@needs_rules
def test_without_the_core_rules_the_sums_are_ours_to_check() -> None:
    """The rules of Factur-X BASIC WL do not add up, and it claims no EN 16931."""
    wrong = ("<ram:GrandTotalAmount>107.10<", "<ram:GrandTotalAmount>108.10<")
    basic_wl = _assess(cii((EN16931, BASIC_WL), wrong))
    assert (basic_wl.en16931, basic_wl.outcome) == (False, "invalid")
    assert "SETTLE-SUM-GROSS" in _rules(basic_wl)
    assert _assess(cii((EN16931, BASIC_WL))).outcome == "valid"


@needs_rules
def test_a_document_against_the_schema_gets_no_rules_but_is_read() -> None:
    """The rules are written for valid documents; people still want to see number and supplier."""
    result = _assess(ubl((">100.00</cbc:LineExtensionAmount>", ">abc</cbc:LineExtensionAmount>")))
    assert result.outcome == "invalid"
    assert _rules(result) == {"SETTLE-SCHEMA", "SETTLE-READ-NUMBER"}
    assert result.invoice is not None
    assert result.invoice.number == "R-17"


@needs_rules
def test_xrechnung_rules_run_for_xrechnung_only() -> None:
    """The German rules add to the core rules where the profile asks for them, in both syntaxes."""
    assert {found.source for found in _assess(ubl((EN16931, XRECHNUNG))).findings} == {"xrechnung"}
    assert _rules(_assess(cii((EN16931, XRECHNUNG)))) >= {"PEPPOL-EN16931-R001"}


@needs_rules
@pytest.mark.parametrize(
    "suffix",
    [
        "#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0",
        "#compliant#urn:xeinkauf.de:kosit:xrechnung:cvd_0.9",
    ],
)
def test_variants_of_xrechnung_get_its_rules_too(suffix: str) -> None:
    """Extension and CVD begin with the profile of XRechnung."""
    assert "PEPPOL-EN16931-R001" in _rules(_assess(ubl((EN16931, XRECHNUNG + suffix))))


@needs_rules
def test_an_older_xrechnung_is_checked_by_the_core_rules_and_says_so() -> None:
    """Rules of 3.0 would refuse what was right in its time."""
    older = "urn:cen.eu:en16931:2017#compliant#urn:xoev-de:kosit:standard:xrechnung_2.3"
    result = _assess(ubl((EN16931, older)))
    assert (result.outcome, _rules(result, "warning")) == ("valid", {"SETTLE-PROFILE-RULES"})
    assert (result.checked, result.fully_checked) == (("en16931",), False)


@needs_rules
def test_warnings_leave_an_invoice_valid() -> None:
    """Only fatal findings make it invalid; what to do about warnings is decided later."""
    result = _assess(ubl(("DE89 3704 0044 0532 0130 00", "DE88370400440532013000")), date(2024, 2, 1))
    assert (result.outcome, _rules(result, "warning")) == ("valid", {"SETTLE-IBAN", "SETTLE-DATE-FUTURE"})


@needs_rules
def test_an_attachment_of_three_megabytes_is_no_trouble() -> None:
    """Attachments stay in the document and out of the row."""
    content = ubl(("aG91", "aG91" * 1_000_000))
    result = _assess(content)
    assert result.outcome == "valid"
    assert result.invoice is not None
    assert result.invoice.attachments[0].size == 3_000_002
    assert len(row(1, "a", content, result).as_json()) < 2000


@needs_rules
def test_a_row_is_what_the_batch_keeps_of_a_document() -> None:
    """The contract with report, duplicates and payment, field by field."""
    content = cii()
    written = row(17, "in/a.xml", content, _assess(content))
    result = json.loads(written.as_json())
    assert DocumentRow.model_validate(result) == written
    assert (result["n"], result["name"], result["size"]) == (17, "in/a.xml", len(content))
    assert (result["outcome"], result["findings"]) == ("valid", [])
    assert len(result["sha256"]) == 64
    assert len(result["claim"]) == 32
    assert result["invoice"] == {
        "number": "R-17",
        "type_code": "380",
        "issue_date": "2024-03-01",
        "due_date": "2024-03-31",
        "currency": "EUR",
        "seller": "Seller GmbH",
        "seller_vat_id": "DE136695976",
        "seller_legal_id": "HRB 1",
        "seller_country": "DE",
        "buyer": "Buyer SA",
        "buyer_address": "b@buyer.example",
        "order_reference": "PO-5",
        "net": "90.00",
        "tax": "17.10",
        "gross": "107.10",
        "payable": "100.00",
        "tax_breakdown": [{"category": "S", "rate": "19", "taxable": "90.00", "tax": "17.10"}],
        "iban": "DE89370400440532013000",
        "accounts": ["DE89370400440532013000", "NL91ABNA0417164300"],
    }


@needs_rules
def test_an_unreadable_document_has_a_row_too() -> None:
    """Every document of a batch is in its report."""
    result = row(1, "a.xml", b"", _assess(b"")).as_plain()
    assert (result["kind"], result["profile"], result["invoice"], result["claim"]) == (None, None, None, None)
    assert result["findings"] == [asdict(finding("SETTLE-FILE-EMPTY"))]


def test_a_name_with_half_a_character_is_mended() -> None:
    """No encoding of text can have one, so the row could not be written."""
    result = row(1, "odd\ud800.xml", b"", Assessment(kind=None, outcome="unreadable"))
    assert json.loads(result.as_json())["name"] == "odd?.xml"


@needs_rules
def test_a_row_stays_small_when_the_values_are_not() -> None:
    """A number or VAT id of a megabyte must not end up in reports."""
    content = ubl(
        ("R-17</cbc:ID>\n  <cbc:Issue", "9" * 1_000_000 + "</cbc:ID>\n  <cbc:Issue"),
        ("DE136695976", "D" * 1_000_000),
    )
    assert len(row(1, "a", content, _assess(content)).as_json()) < 10_000


@needs_rules
def test_the_same_invoice_has_the_same_claim_in_either_syntax() -> None:
    """A supplier that sends PDF and XML of one invoice is paid once."""
    from_ubl, from_cii = (row(1, "a", content, _assess(content)).claim for content in (ubl(), cii()))
    assert from_ubl == from_cii


@needs_rules
def test_threads_may_share_a_checker() -> None:
    """The checker is not thread-safe inside and guards itself."""
    results: list[str] = []

    def run() -> None:
        results.extend(_assess(ubl()).outcome for _ in range(5))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["valid"] * 20


@needs_rules
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([ubl(), cii(), pdf({"factur-x.xml": cii()})]), st.data())
def test_damage_anywhere_never_raises(content: bytes, data: st.DataObject) -> None:
    """Whatever bytes come in, there is a row, and valid means no fatal finding."""
    start = data.draw(st.integers(0, len(content)))
    length = data.draw(st.integers(0, 60))
    filler = data.draw(st.binary(max_size=30))
    result = _assess(content[:start] + filler + content[start + length :])
    row(1, "a", content, result).as_json()
    assert (result.outcome == "valid") == (not _rules(result))


def test_a_folder_without_the_rules_is_an_error_that_says_how_to_get_them(tmp_path: Path) -> None:
    """A fault of the installation is raised at once, not found document by document."""
    with pytest.raises(RulesMissing, match=r"python -m invoicing\.rules\.fetch --into"):
        Checker(tmp_path)


def test_a_rule_broken_a_thousand_times_is_told_twenty_times() -> None:
    """An invoice of thousands of lines repeats its mistake on each."""
    found = [Finding("BR-24", "fatal", "Wrong.", f"/l[{i}]", "en16931") for i in range(1000)]
    kept = limited([finding("SETTLE-IBAN"), *found, finding("SETTLE-BIC")])
    assert [each.rule for each in kept] == ["SETTLE-IBAN"] + ["BR-24"] * 20 + ["SETTLE-BIC"]
    assert kept[-2].text == "Wrong. (and 980 more of this rule)"


def test_every_rule_of_ours_has_its_meaning_in_words() -> None:
    """The table is what people read about a rule."""
    for name, rule in RULES.items():
        assert name.startswith("SETTLE-")
        assert rule.meaning.endswith(".")
        assert finding(name).text == rule.meaning

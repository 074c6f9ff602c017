"""Which rules judge which document, how much each counts, and what is said where rules are missing."""

from __future__ import annotations

import pytest

from invoicing.assess import Assessment
from invoicing.findings import Severity
from invoicing.readers.detect import Syntax
from invoicing.rules.folder import STYLESHEETS
from invoicing.rules.profiles import PROFILES, RULE_SETS, profile_of, rules_for
from tests.official_rules import PROJECT, checker, needs_rules
from tests.unit.invoice_documents import EN16931, XRECHNUNG, cii, ubl

CASES = PROJECT.parent / "shared" / "cases" / "invoices" / "corpus"
EXTENSION = f"{XRECHNUNG}#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0"
CVD = f"{XRECHNUNG}#compliant#urn:xeinkauf.de:kosit:xrechnung:cvd_0.9"
EXTENDED = f"{EN16931}#conformant#urn:factur-x.eu:1p0:extended"
FRENCH = f"{EN16931}#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr"
PEPPOL = f"{EN16931}#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"


def _rules(assessment: Assessment) -> set[str]:
    return {found.rule for found in assessment.findings}


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize(
    ("profile", "syntax", "expected"),
    [
        (EN16931, "ubl-invoice", ["en16931"]),
        (EN16931, "cii", ["en16931", "factur-x-en16931"]),
        (f" {EN16931}\n", "ubl-credit-note", ["en16931"]),
        (XRECHNUNG, "cii", ["en16931", "xrechnung"]),
        (CVD, "ubl-invoice", ["en16931", "xrechnung"]),
        (EXTENDED, "cii", ["factur-x-extended"]),
        ("urn:factur-x.eu:1p0:minimum", "cii", ["factur-x-minimum"]),
        ("urn:zugferd.de:2p0:basicwl", "cii", ["factur-x-basic-wl"]),
        (FRENCH, "ubl-invoice", ["fr-ctc-extended", "fr-ctc"]),
        (PEPPOL, "ubl-invoice", ["en16931"]),
        ("urn:peppol:pint:billing-1@aunz-1", "ubl-invoice", []),
        # What is not known, and what is made for another syntax, is judged by the core rules.
        (None, "cii", ["en16931"]),
        (EN16931.upper(), "cii", ["en16931"]),
        (EN16931.replace("2017", "2018"), "cii", ["en16931"]),
        (EXTENDED, "ubl-invoice", ["en16931"]),
    ],
)
def test_rules_that_judge_a_document(profile: str | None, syntax: Syntax, expected: list[str]) -> None:
    """By its identifier, without the blanks around it, and its syntax."""
    assert list(rules_for(profile_of(profile), syntax)) == expected


def test_each_rule_set_of_a_profile_has_a_stylesheet_and_a_name() -> None:
    """A hole in the table would be found at the first document only."""
    for profile in PROFILES.values():
        for syntax in ("ubl-invoice", "ubl-credit-note", "cii"):
            for rule_set in profile.rules(syntax):
                assert (rule_set, syntax) in STYLESHEETS
                assert rule_set in RULE_SETS
    assert {rule_set for rule_set, _ in STYLESHEETS} == set(RULE_SETS)


@pytest.mark.parametrize(
    ("profile", "syntax", "rule", "expected"),
    [
        (XRECHNUNG, "ubl-invoice", "BR-CL-21", "warning"),
        (XRECHNUNG, "ubl-invoice", "UBL-CR-646", "fatal"),
        (XRECHNUNG, "ubl-credit-note", "UBL-CR-646", None),
        (XRECHNUNG, "cii", "CII-SR-453", "fatal"),
        (EXTENSION, "ubl-invoice", "BR-CO-16", "information"),
        (EXTENSION, "cii", "BR-CO-16", None),
        (CVD, "ubl-credit-note", "BR-CL-13", "information"),
        (EN16931, "cii", "BR-CL-21", None),
    ],
)
def test_levels_of_a_profile(profile: str, syntax: Syntax, rule: str, expected: Severity | None) -> None:
    """None: as much as the stylesheet says."""
    found = profile_of(profile)
    assert found is not None
    assert found.level(syntax, rule) == expected


# ---------------------------------------------------------------- documents


@needs_rules
@pytest.mark.parametrize("profile", [EN16931, XRECHNUNG, EXTENDED, FRENCH])
def test_all_rules_of_a_known_profile_run(profile: str) -> None:
    """Each of its stylesheets can be used, and the row says which they were."""
    for content in (cii((EN16931, profile)), *([ubl((EN16931, profile))] if profile != EXTENDED else [])):
        result = checker().assess("a.xml", content)
        assert result.fully_checked
        assert "SETTLE-RULES-ERROR" not in _rules(result)
        assert not any(rule.startswith("SETTLE-PROFILE") for rule in _rules(result))


@needs_rules
def test_document_of_an_unknown_profile_is_judged_by_the_core_rules_and_told() -> None:
    """It was valid without a word before."""
    wrong = (">100.00</cbc:PayableAmount>", ">99.00</cbc:PayableAmount>")
    result = checker().assess("a.xml", ubl((EN16931, "urn:example:own"), wrong))
    assert (result.outcome, result.checked, result.fully_checked) == ("invalid", ("en16931",), False)
    assert {"BR-CO-16", "SETTLE-PROFILE-UNKNOWN"} <= _rules(result)
    (told,) = [found for found in result.findings if found.rule == "SETTLE-PROFILE-UNKNOWN"]
    assert "urn:example:own" in told.text


@needs_rules
def test_document_without_a_profile_breaks_br_01() -> None:
    """The first of the core rules."""
    customization = f"  <cbc:CustomizationID>{EN16931}</cbc:CustomizationID>\n"
    result = checker().assess("a.xml", ubl((customization, "")))
    assert (result.outcome, result.fully_checked) == ("invalid", False)
    assert "BR-01" in _rules(result)


@needs_rules
@pytest.mark.parametrize(
    ("profile", "name", "checked"),
    [
        (PEPPOL, "Peppol BIS Billing 3.0", ("en16931",)),
        (f"{EN16931}#compliant#urn:fdc:nen.nl:nlcius:v1.0", "NLCIUS", ("en16931",)),
        (f"{EN16931}#compliant#urn:efactura.mfinante.ro:CIUS-RO:1.0.1", "CIUS-RO", ("en16931",)),
        ("urn:peppol:pint:billing-1@aunz-1", "Peppol PINT", ()),
    ],
)
def test_profile_whose_rules_are_not_here_is_named(profile: str, name: str, checked: tuple[str, ...]) -> None:
    """A person sees that more rules apply than were run."""
    result = checker().assess("a.xml", ubl((EN16931, profile)))
    assert (result.outcome, result.checked, result.fully_checked) == ("valid", checked, False)
    (told,) = [found for found in result.findings if found.rule == "SETTLE-PROFILE-RULES"]
    assert (name in told.text, told.severity) == (True, "warning")


@needs_rules
def test_profile_of_another_syntax_is_told() -> None:
    """Factur-X EXTENDED is a profile of CII."""
    result = checker().assess("a.xml", ubl((EN16931, EXTENDED)))
    assert (result.checked, result.fully_checked) == (("en16931",), False)
    assert "SETTLE-PROFILE-SYNTAX" in _rules(result)


@needs_rules
def test_rule_that_two_rule_sets_have_is_told_once() -> None:
    """Factur-X repeats the core rules under their own names."""
    wrong = ("<ram:DuePayableAmount>100.00<", "<ram:DuePayableAmount>99.00<")
    result = checker().assess("a.xml", cii(wrong))
    sources = [found.source for found in result.findings if found.rule == "BR-CO-16"]
    assert sources == ["en16931"]


@needs_rules
def test_document_against_the_schema_was_checked_against_nothing() -> None:
    """The rules are written for valid documents."""
    result = checker().assess(
        "a.xml", ubl((">100.00</cbc:LineExtensionAmount>", ">abc</cbc:LineExtensionAmount>"))
    )
    assert (result.checked, result.fully_checked) == ((), False)


@needs_rules
@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the project")
@pytest.mark.parametrize(
    ("file", "outcome", "rule"),
    [
        ("bt24_missing.xml", "invalid", "BR-01"),
        ("minimum_broken.xml", "invalid", "FX-SCH-A-000017"),
        ("unknown_customizationid.xml", None, "SETTLE-PROFILE-UNKNOWN"),
        ("pint_billing.xml", None, "SETTLE-PROFILE-RULES"),
        ("xr_cius_subinvoicelines.xml", "invalid", "UBL-CR-646"),
        ("xr_extension_third_party_payment.xml", "valid", "BR-CO-16"),
        ("extended_warenrechnung_fx.pdf", "valid", None),
    ],
)
def test_public_files_get_the_right_verdict(file: str, outcome: str | None, rule: str | None) -> None:
    """Each of them was judged by other rules than its own."""
    result = checker().assess(file, (CASES / file).read_bytes())
    assert outcome in (None, result.outcome)
    assert rule is None or rule in _rules(result)

"""The standard's own unit tests of its UBL rules: each small document names the rules it meets or breaks.

The documents are fragments and break the schema by design, so that the rules run on them directly.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pytest
from lxml import etree

from invoicing.readers.detect import syntax_of
from invoicing.rules.official import OfficialRules, ParsedDocument
from invoicing.safe_xml import to_text
from tests.official_rules import CORPUS, RULES, needs_rules

FOLDER = CORPUS / "en16931-unit"
_TESTS = "{http://difi.no/xsd/vefa/validator/1.0}"

pytestmark = [
    pytest.mark.corpus,
    needs_rules,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the standard's unit tests are not beside the project"),
]


class Case(NamedTuple):
    """One test: a fragment, the rules it must meet, and those it must break, by severity."""

    name: str
    document: etree._Element
    success: set[str]
    error: set[str]
    warning: set[str]


def _cases() -> list[Case]:
    return [case for file in sorted(FOLDER.glob("*/*.xml")) for case in _cases_of(file)]


def _cases_of(file) -> list[Case]:
    root = etree.parse(str(file)).getroot()
    found = []
    for number, test in enumerate(root.iterchildren(f"{_TESTS}test"), start=1):
        assertion = test.find(f"{_TESTS}assert")
        documents = [child for child in test.iterchildren("*") if child is not assertion]
        if assertion is not None and documents:
            name = f"{file.parent.name}/{file.stem}-{number}"
            wanted = (_named(assertion, kind) for kind in ("success", "error", "warning"))
            found.append(Case(name, documents[0], *wanted))
    return found


def _named(assertion: etree._Element, kind: str) -> set[str]:
    return {(each.text or "").strip() for each in assertion.iterchildren(f"{_TESTS}{kind}")}


@cache
def _rules() -> OfficialRules:
    return OfficialRules(RULES)


CASES = _cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_rule_is_met_or_broken_as_the_standard_says(case: Case) -> None:
    """Rules of `success` stay silent, those of `error` and `warning` speak up with that severity."""
    document = etree.fromstring(etree.tostring(case.document))
    found = _rules().findings("en16931", syntax_of(document), ParsedDocument(to_text(document)))
    assert "SETTLE-RULES-ERROR" not in {each.rule for each in found}, found
    fatal = {each.rule for each in found if each.severity == "fatal"}
    warning = {each.rule for each in found if each.severity == "warning"}
    assert case.error <= fatal
    assert case.warning <= warning
    assert not case.success & (fatal | warning)


@pytest.mark.skipif(not CASES, reason="the folder is empty")
def test_the_standard_has_over_a_thousand_cases() -> None:
    """A folder that went missing would let the test above pass."""
    assert sum(len(case.success | case.error | case.warning) for case in CASES) > 1000

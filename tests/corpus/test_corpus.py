"""The public corpus of real invoices, file by file, against what the official rules say of each."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from typing import Any

import pytest

from invoicing.assess import Assessment, row
from invoicing.opening import open_document
from invoicing.readers.detect import Syntax
from invoicing.rules.official import OfficialRules, ParsedDocument
from invoicing.safe_xml import Element, to_text
from tests.official_rules import CORPUS, RULES, checker, needs_rules

pytestmark = [
    pytest.mark.corpus,
    needs_rules,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the invoice corpus is not beside the project"),
]

KINDS = {"ubl-inv": "ubl-invoice", "ubl-cn": "ubl-credit-note"}


def _expectations() -> list[dict[str, Any]]:
    listing = CORPUS / "expected.jsonl"
    return [json.loads(line) for line in listing.read_text().splitlines()] if listing.is_file() else []


ROWS = _expectations()


@cache
def _official() -> OfficialRules:
    return OfficialRules(RULES)


def _opened(content: bytes) -> tuple[Element, Syntax]:
    opened = open_document("a", content)
    return opened.root, opened.syntax


def _assess(expected: dict[str, Any]) -> tuple[bytes, Assessment]:
    content = (CORPUS / expected["file"]).read_bytes()
    return content, checker().assess(expected["file"], content, date(2026, 6, 1))


def _core_rules(content: bytes) -> dict[str, set[str]]:
    """What the core rules find, by severity, before any profile changes how much they count."""
    root, syntax = _opened(content)
    found = _official().findings("en16931", syntax, ParsedDocument(to_text(root)))
    return {
        severity: {each.rule for each in found if each.severity == severity}
        for severity in ("fatal", "warning")
    }


@pytest.mark.parametrize("expected", ROWS, ids=[each["file"] for each in ROWS])
def test_the_result_agrees_with_the_official_rules(expected: dict[str, Any]) -> None:
    """Kind, profile, schema and the broken core rules are those of the reference run.

    A profile may change how much a core rule counts (`test_profiles.py`), but not whether it is told.
    """
    content, result = _assess(expected)
    assert result.kind == KINDS.get(expected["kind"], expected["kind"])
    assert result.en16931 == expected["en16931"]
    assert all(each.source != "schema" for each in result.findings) == expected["xsd_valid"]
    if "fatal" in expected and expected["xsd_valid"]:
        core = _core_rules(content)
        assert core == {"fatal": set(expected["fatal"]), "warning": set(expected["warning"])}
        if "en16931" in result.checked:
            told = {each.rule for each in result.findings if each.source == "en16931"}
            assert core["fatal"] | core["warning"] <= told
    row(1, expected["file"], content, result).as_json()


@pytest.mark.parametrize("expected", ROWS, ids=[each["file"] for each in ROWS])
def test_what_a_payment_needs_is_read(expected: dict[str, Any]) -> None:
    """All these documents state them; most have lines, and those add up to something."""
    content, result = _assess(expected)
    summary = row(1, expected["file"], content, result).as_plain()
    assert summary["claim"]
    assert all(summary["invoice"][name] for name in ("number", "issue_date", "currency", "seller", "payable"))
    assert result.invoice is not None
    assert bool(result.invoice.lines) == result.en16931


BROKEN = [each for each in ROWS if "fatal" in each and not each["xsd_valid"]]


@pytest.mark.parametrize("expected", BROKEN, ids=[each["file"] for each in BROKEN])
def test_the_rules_themselves_agree_on_documents_against_the_schema(expected: dict[str, Any]) -> None:
    """We do not run the rules over these; the expectation did."""
    root, syntax = _opened((CORPUS / expected["file"]).read_bytes())
    found = _official().findings("en16931", syntax, ParsedDocument(to_text(root)))
    assert {each.rule for each in found if each.severity == "fatal"} == set(expected["fatal"])


@pytest.mark.skipif(not ROWS, reason="the corpus has no expected.jsonl")
def test_the_corpus_is_as_large_as_it_was() -> None:
    """A corpus that went missing would let every test above pass."""
    assert len(ROWS) >= 200
    assert len({each["kind"] for each in ROWS}) == 4

"""Reading what the official rules report, and how the rules are run."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from lxml import etree

from invoicing.findings import MAX_TEXT
from invoicing.rules.folder import SCHEMAS, STYLESHEETS
from invoicing.rules.official import OfficialRules, ParsedDocument, _processor, parse_report
from invoicing.rules.schema import MAX_FINDINGS, Schema
from invoicing.rules.stylesheet import lean_stylesheet
from invoicing.safe_xml import Element, parse, to_text
from tests.official_rules import RULES, needs_rules
from tests.unit.invoice_documents import cii, ubl
from tests.unit.linear import processor_seconds

SVRL, XSL = "{http://purl.oclc.org/dsdl/svrl}", "{http://www.w3.org/1999/XSL/Transform}"
REPORT = """<svrl:schematron-output xmlns:svrl="http://purl.oclc.org/dsdl/svrl">
  <svrl:fired-rule context="x"/>
  <svrl:failed-assert id="BR-1" flag="fatal" location="/Q{urn:a}Invoice[1]/Q{urn:b}ID[2]">
    <svrl:text>[BR-1]-An invoice
      shall.</svrl:text>
  </svrl:failed-assert>
  <svrl:failed-assert id="BR-2" flag="warning" location="/*:Invoice[namespace-uri()='urn:a'][1]">
    <svrl:text>Plain.</svrl:text>
  </svrl:failed-assert>
  <svrl:successful-report id="BR-3" role="information">
    <svrl:text>[BR-3] Noted.</svrl:text>
  </svrl:successful-report>
  <svrl:failed-assert><svrl:text/></svrl:failed-assert>
</svrl:schematron-output>"""


def test_a_report_is_read_with_severity_place_and_text() -> None:
    """Ids and namespaces that repeat in text and place are taken out; an unmarked rule is fatal."""
    found = parse_report(REPORT, "en16931")
    assert [(each.rule, each.severity, each.place, each.text) for each in found] == [
        ("BR-1", "fatal", "/Invoice[1]/ID[2]", "An invoice shall."),
        ("BR-2", "warning", "/Invoice[1]", "Plain."),
        ("BR-3", "information", None, "Noted."),
        ("EN16931", "fatal", None, "The rule is broken."),
    ]
    assert {each.source for each in found} == {"en16931"}


@needs_rules
def test_a_rule_that_stumbles_makes_the_document_invalid() -> None:
    """Text where a rule computes is a dynamic error of the whole run: an answer, not an exception."""
    content = ubl((">100.00</cbc:LineExtensionAmount>", ">abc</cbc:LineExtensionAmount>"))
    (found,) = OfficialRules(RULES).findings(
        "en16931", "ubl-invoice", ParsedDocument(to_text(parse(content)))
    )
    assert (found.rule, found.severity, found.source) == ("SETTLE-RULES-ERROR", "fatal", "en16931")
    assert "abc" in found.text


@needs_rules
def test_the_rules_go_on_after_a_rule_stumbled() -> None:
    """A dynamic error leaves the processor usable."""
    rules = OfficialRules(RULES)
    broken = ubl((">100.00</cbc:LineExtensionAmount>", ">abc</cbc:LineExtensionAmount>"))
    for content, count in [(broken, 1), (ubl(), 0)]:
        assert len(rules.findings("en16931", "ubl-invoice", ParsedDocument(to_text(parse(content))))) == count


def _told(stylesheet: Element) -> list[tuple[str, ...]]:
    """What is tested, matched and said, in its order."""
    kinds = [
        f"{SVRL}failed-assert",
        f"{SVRL}successful-report",
        f"{SVRL}text",
        f"{XSL}template",
        f"{XSL}when",
    ]
    return [
        (each.tag, each.get("test", ""), each.get("match", ""), str(each.xpath("string()")).strip())
        if each.tag.startswith(SVRL)
        else (each.tag, each.get("test", ""), each.get("match", ""))
        for each in stylesheet.iter(*kinds)
    ]


@needs_rules
@pytest.mark.parametrize("file", sorted(set(STYLESHEETS.values())))
def test_a_stylesheet_that_is_run_loses_nothing_but_its_log(file: str) -> None:
    """Each rule of the published one is there with all its words; files beside it are found by its place."""
    published = etree.parse(RULES / file).getroot()
    lean = etree.fromstring(lean_stylesheet(RULES / file))
    assert _told(lean) == _told(published)
    assert len(_told(lean)) > 10
    assert next(published.iter(f"{SVRL}fired-rule"), None) is not None
    assert next(lean.iter(f"{SVRL}fired-rule"), None) is None
    assert lean.base == (RULES / file).resolve().as_uri()


PATTERNS = """<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
  xmlns:svrl="http://purl.oclc.org/dsdl/svrl"><xsl:template match="/"><svrl:schematron-output>
  <svrl:active-pattern/><xsl:apply-templates select="/" mode="M1"/><xsl:apply-templates select="/" mode="M2"/>
  <xsl:apply-templates select="/" mode="M3"/></svrl:schematron-output></xsl:template>
  {rule_1}{rule_2}{rule_3}{other}{walks}</xsl:stylesheet>"""


def _rule(mode: int, match: str, priority: int = 1000) -> str:
    return f"""<xsl:template match="{match}" mode="M{mode}" priority="{priority}"><svrl:fired-rule/>
      <svrl:failed-assert id="M{mode}-{match}" location="{{name()}}{{@n}}"/>
      <xsl:apply-templates select="@*|*" mode="M{mode}"/></xsl:template>"""


def test_pattern_of_one_rule_reports_the_same_without_its_walk(tmp_path: Path) -> None:
    """Nested nodes, several paths, attributes, and patterns that keep their walk: each once, in its order."""
    walks = "".join(
        f"""<xsl:template match="text()" mode="M{n}" priority="-1"/><xsl:template match="@*|node()"
        mode="M{n}" priority="-2"><xsl:apply-templates select="@*|*" mode="M{n}"/></xsl:template>"""
        for n in (1, 2, 3)
    )
    rules = {"rule_1": _rule(1, "//b"), "rule_2": _rule(2, "//a/b[@n > 1] | //c"), "rule_3": _rule(3, "b")}
    file = tmp_path / "rules.xsl"
    file.write_text(PATTERNS.format(**rules, other=_rule(3, "//c", 999), walks=walks))
    document = '<a><b n="1"><b n="2"/><c/></b><a><b n="3"/></a><c/></a>'
    processor = _processor()
    compiler = processor.new_xslt30_processor()
    node = processor.parse_xml(xml_text=document)
    texts = (file.read_text(), lean_stylesheet(file))
    published, lean = (
        compiler.compile_stylesheet(stylesheet_text=text, encoding="utf-8").transform_to_string(xdm_node=node)
        for text in texts
    )
    found = [(one.rule, one.place) for one in parse_report(published, "en16931")]
    assert [(one.rule, one.place) for one in parse_report(lean, "en16931")] == found
    assert len(found) == 3 + 3 + 5
    assert [text.count('select="/"') for text in texts] == [3, 1]


@needs_rules
def test_the_codes_of_a_stylesheet_are_read_once(tmp_path: Path) -> None:
    """Factur-X looks codes up in a file beside its rules: it was parsed anew for each document, 7 ms each."""
    shutil.copytree(RULES / "xslt" / "facturx", tmp_path / "xslt" / "facturx")
    rules, document = OfficialRules(tmp_path), ParsedDocument(to_text(parse(cii())))
    assert rules.findings("factur-x-en16931", "cii", document) == []
    (tmp_path / "xslt" / "facturx" / "FACTUR-X_EN16931_codedb.xml").unlink()
    assert rules.findings("factur-x-en16931", "cii", document) == []
    wrong = cii((">EUR</ram:InvoiceCurrencyCode>", ">EUX</ram:InvoiceCurrencyCode>"))
    assert rules.findings("factur-x-en16931", "cii", ParsedDocument(to_text(parse(wrong))))


@needs_rules
def test_the_rules_run_in_any_thread() -> None:
    """A worker's threads come and go; the processor was made in one of them."""
    rules, results = OfficialRules(RULES), []

    def run() -> None:
        results.append(rules.findings("en16931", "cii", ParsedDocument(to_text(parse(cii())))))

    for _ in range(3):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert results == [[], [], []]


@needs_rules
def test_schema_findings_name_line_and_usual_prefixes_and_are_bounded() -> None:
    """libxml2 spells out every namespace, which nobody can read."""
    schema = Schema(RULES, SCHEMAS["ubl-invoice"])
    assert schema.findings(parse(ubl())) == []
    wrong = ubl(("<cbc:BuyerReference>B-1</cbc:BuyerReference>", "<cbc:Odd/>"))
    (found,) = schema.findings(parse(wrong))
    assert (found.rule, found.source, found.place) == ("SETTLE-SCHEMA", "schema", "line 11")
    assert found.text.startswith("Element 'cbc:Odd': This element is not expected")
    many = ubl(("unitCode=", "".join(f'a{i}="" ' for i in range(100)) + "unitCode="))
    assert len(schema.findings(parse(many))) == MAX_FINDINGS


@needs_rules
def test_a_value_that_the_schema_quotes_is_looked_through_once() -> None:
    """84 KB of braces took sixteen seconds, since each was taken for the beginning of a namespace."""
    schema = Schema(RULES, SCHEMAS["ubl-invoice"])
    schema.findings(parse(ubl()))  # compiles it
    wrong = parse(ubl(("2024-03-01</cbc:IssueDate>", "{" * 1_000_000 + "</cbc:IssueDate>")))
    assert processor_seconds(lambda: schema.findings(wrong)) < 5
    assert len(schema.findings(wrong)[0].text) <= MAX_TEXT


@needs_rules
def test_a_document_cannot_make_the_schema_read_other_files(tmp_path) -> None:
    """`xsi:schemaLocation` names a schema that would make the document invalid if it were read."""
    other = tmp_path / "other.xsd"
    other.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:x">'
        '<xs:element name="x" type="xs:int"/></xs:schema>'
    )
    ext = "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2"
    hint = (
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x {other.as_uri()}"'
    )
    content = ubl(
        ("<Invoice ", f"<Invoice {hint} "),
        (
            "  <cbc:CustomizationID>",
            f'<e:UBLExtensions xmlns:e="{ext}"><e:UBLExtension><e:ExtensionContent>'
            '<x xmlns="urn:x">no number</x>'
            "</e:ExtensionContent></e:UBLExtension></e:UBLExtensions><cbc:CustomizationID>",
        ),
    )
    assert Schema(RULES, SCHEMAS["ubl-invoice"]).findings(parse(content)) == []


def test_places_and_texts_of_any_length_are_cut() -> None:
    """Namespaces and values in them are the sender's."""
    long = REPORT.replace("/Q{urn:a}Invoice[1]", "/Q{" * 1_000_000 + "}Invoice[1]").replace(
        "shall.", "shall." * 200_000
    )
    found = parse_report(long, "en16931")[0]
    assert len(found.text) <= MAX_TEXT
    assert len(found.place or "") <= MAX_TEXT
    assert processor_seconds(lambda: parse_report(long, "en16931")) < 5

"""The official rules, run as their authors publish them: XSLT 2 made from Schematron, by Saxon.

One processor serves the whole process: it is a virtual machine of its own with its own heap, and a second one
costs memory and gives no speed. Stylesheets are compiled on first use, which takes 0.3 seconds and stays.
Saxon cannot be used in a child process after a fork: start workers with ``spawn``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import saxonche
from lxml import etree

from invoicing.findings import MAX_TEXT, Finding, Severity, finding, shortened
from invoicing.readers.detect import Syntax
from invoicing.rules.folder import STYLESHEETS, RuleSet, unusable
from invoicing.rules.stylesheet import lean_stylesheet
from invoicing.safe_xml import Element

# Saxon's package says nothing of its types.
_saxon: Any = saxonche
SaxonError: type[Exception] = _saxon.PySaxonApiError

_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_BROKEN_NAMES = ("failed-assert", "successful-report")
_BROKEN = tuple(f"{_SVRL}{name}" for name in _BROKEN_NAMES)
_SEVERITIES: dict[str, Severity] = {
    "fatal": "fatal",
    "error": "fatal",
    "warning": "warning",
    "information": "information",
    "info": "information",
}
_QUALIFIER = re.compile(r"Q\{[^}]*\}|\*:|\[namespace-uri\(\)='[^']*'\]")
# Namespaces and names in it are the document's, of any length; real ones have 500 characters.
_LONGEST_LOCATION = 4000
_OWN_ID = re.compile(r"^\[[^\]]+\]\s*-?\s*")


# The stylesheets of Factur-X look codes up in files beside them, by `document()`. Without this feature Saxon
# reads and parses such a file again for each document that is judged, which is more than half of the time.
_READ_ONCE = "http://saxon.sf.net/feature/preEvaluateDocFunction"


@cache
def _processor() -> Any:
    processor = _saxon.PySaxonProcessor(license=False)
    processor.set_configuration_property(_READ_ONCE, "true")
    return processor


class ParsedDocument:
    """A document as Saxon's tree, parsed once for several rule sets."""

    def __init__(self, text: str) -> None:
        """Parse XML text that `invoicing.safe_xml.to_text` wrote; never text from outside."""
        self._text = text
        self._node: Any = None

    @property
    def node(self) -> Any:
        """The tree; raises `SaxonError` when Saxon's parser finds what ours let pass."""
        if self._node is None:
            self._node = _processor().parse_xml(xml_text=self._text)
        return self._node


class OfficialRules:
    """The stylesheets below one rules folder; not thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._compiled: dict[str, Any] = {}  # what Saxon gives has no type

    def findings(self, rules: RuleSet, syntax: Syntax, document: ParsedDocument) -> list[Finding]:
        """Run a rule set over a document; returns the broken rules.

        A dynamic error (a rule that stumbles over the document, such as text where it computes) is a fatal
        finding too: what the rules could not get through is not valid.
        """
        executable = self._executable(STYLESHEETS[rules, syntax])
        try:
            report: str | None = executable.transform_to_string(xdm_node=document.node)
        except SaxonError as error:
            return [_rules_error(rules, str(error))]
        if not report:
            return [_rules_error(rules, "no result")]
        return parse_report(report, rules)

    def _executable(self, file: str) -> Any:
        """Compile a stylesheet once; an error in it is not the document's fault: raises `RulesMissing`."""
        if file not in self._compiled:
            compiler = _processor().new_xslt30_processor()
            try:
                text = lean_stylesheet(self._folder / file)
                executable = compiler.compile_stylesheet(stylesheet_text=text, encoding="utf-8")
            except (SaxonError, etree.XMLSyntaxError) as error:
                raise unusable(self._folder, file, error) from error
            executable.set_property("!indent", "no")  # nobody reads the report but `parse_report`
            self._compiled[file] = executable
        return self._compiled[file]


def parse_report(report: str, rules: RuleSet) -> list[Finding]:
    """Read a Schematron validation report (SVRL): failed assertions, and reports that found something.

    Most documents break no rule: their reports need no parsing.
    """
    if not any(name in report for name in _BROKEN_NAMES):
        return []
    root = etree.fromstring(report.encode("utf-8"), etree.XMLParser(huge_tree=True, no_network=True))
    return [_finding(element, rules) for element in root.iterchildren(*_BROKEN)]


def _finding(element: Element, rules: RuleSet) -> Finding:
    flag = (element.get("flag") or element.get("role") or "fatal").lower()
    words = element.find(f"{_SVRL}text")
    text = " ".join(str(words.xpath("string()")).split()) if words is not None else ""
    place = _QUALIFIER.sub("", (element.get("location") or "")[:_LONGEST_LOCATION])
    return Finding(
        element.get("id") or rules.upper(),  # some say in a table what may not be there, and have no id
        _SEVERITIES.get(flag, "fatal"),
        shortened(_OWN_ID.sub("", text) or "The rule is broken.", MAX_TEXT),
        shortened(place, MAX_TEXT) or None,
        rules,
    )


def _rules_error(rules: RuleSet, message: str) -> Finding:
    reason = " ".join(message.split())
    found = finding("SETTLE-RULES-ERROR", f"The official rules stopped with an error here: {reason}")
    return replace(found, source=rules)

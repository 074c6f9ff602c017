"""A stylesheet of rules as it is run: as published, without what costs time and decides nothing.

* A report of Schematron (SVRL) names each pattern and each rule that was tried, for each document again.
  Nobody reads that here, and to write it takes a sixth of the time of a check.
* Each pattern walks the whole document to find the nodes that its rules are for. Where it has one rule, and
  that says itself where these nodes are (`//ram:PayeeTradeParty`), they are asked for directly. The rules of
  Factur-X have sixty such patterns, and their walks were two thirds of the time.

What a rule tests and reports stays as it is, and so does the order of what is reported.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from lxml import etree

from invoicing.safe_xml import Element

_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_XSL = "{http://www.w3.org/1999/XSL/Transform}"
_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_LOG = tuple(f"{_SVRL}{name}" for name in ("active-pattern", "fired-rule", "ns-prefix-in-attribute-values"))
# What the templates match by which a pattern goes on where it has no rule.
_WALKING = frozenset({"text()", "@*|node()"})


def lean_stylesheet(file: Path) -> str:
    """The text of a stylesheet to run; files that it names are found beside it, as before.

    Raises OSError, and `lxml.etree.XMLSyntaxError` where it is no XML.
    """
    tree = etree.parse(file, etree.XMLParser(no_network=True, huge_tree=True))
    root = tree.getroot()
    for element in list(root.iter(*_LOG)):
        _remove(element)
    _ask_directly(root)
    root.set(_BASE, file.resolve().as_uri())
    return etree.tostring(root, encoding="unicode")


def _ask_directly(root: Element) -> None:
    """Have each pattern of one rule begin at the nodes of that rule, and go no further."""
    rules = _by_mode(root, "template")
    calls = _by_mode(root, "apply-templates")
    for mode, templates in rules.items():
        own = [template for template in templates if template.get("match") not in _WALKING]
        if len(own) != 1 or not _says_where(own[0].get("match", "")):
            continue
        begin = [call for call in calls[mode] if call.get("select") == "/"]
        onward = [call for call in own[0].iter(f"{_XSL}apply-templates") if call.get("mode") == mode]
        if len(begin) == len(onward) == 1:
            begin[0].set("select", own[0].get("match", ""))
            _remove(onward[0])


def _says_where(match: str) -> bool:
    """Whether a match is a path from the root to wherever in the document, or several of these."""
    return all(part.strip().startswith("//") for part in match.split("|"))


def _by_mode(root: Element, name: str) -> defaultdict[str, list[Element]]:
    found: defaultdict[str, list[Element]] = defaultdict(list)
    for element in root.iter(f"{_XSL}{name}"):
        mode = element.get("mode")
        if mode:
            found[mode].append(element)
    return found


def _remove(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)

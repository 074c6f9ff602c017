"""A stylesheet of rules as it is run: as published, without what only tells which rules were tried.

A report of Schematron (SVRL) names each pattern and each rule that was tried, for each document again. Nobody
reads that here, and to write it takes a sixth of the time of a check. What a rule tests and reports stays.
"""

from __future__ import annotations

from pathlib import Path

from lxml import etree

_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_LOG = tuple(f"{_SVRL}{name}" for name in ("active-pattern", "fired-rule", "ns-prefix-in-attribute-values"))


def lean_stylesheet(file: Path) -> str:
    """The text of a stylesheet to run; files that it names are found beside it, as before.

    Raises OSError, and `lxml.etree.XMLSyntaxError` where it is no XML.
    """
    tree = etree.parse(file, etree.XMLParser(no_network=True, huge_tree=True))
    for element in list(tree.iter(*_LOG)):
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
    root = tree.getroot()
    root.set(_BASE, file.resolve().as_uri())
    return etree.tostring(root, encoding="unicode")

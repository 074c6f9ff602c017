"""XML schema validation: compiled on first use, one schema per syntax and process."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, cast

from lxml import etree

from invoicing.findings import MAX_TEXT, Finding, finding
from invoicing.readers.detect import CII, UBL
from invoicing.rules.folder import unusable
from invoicing.safe_xml import Element

MAX_FINDINGS = 20
"""A document of the wrong kind may break the schema at each element; the first ones say enough."""

# No brace inside: each is looked at once, however many there are in a value that the message quotes.
_NAMESPACE = re.compile(r"\{([^{}]*)\}")
_BLANKS = " \t\r\n"
_LONGEST_DATE = 200
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]{5,20})?(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_LONGEST_MESSAGE = 20 * MAX_TEXT
_CII_PARTS = "urn:un:unece:uncefact:data:standard"
_PREFIXES = {
    f"{UBL}CommonAggregateComponents-2": "cac:",
    f"{UBL}CommonBasicComponents-2": "cbc:",
    f"{UBL}CommonExtensionComponents-2": "ext:",
    f"{UBL}Invoice-2": "ubl:",
    f"{UBL}CreditNote-2": "ubl:",
    CII: "rsm:",
    f"{_CII_PARTS}:ReusableAggregateBusinessInformationEntity:100": "ram:",
    f"{_CII_PARTS}:UnqualifiedDataType:100": "udt:",
    f"{_CII_PARTS}:QualifiedDataType:100": "qdt:",
}


class Schema:
    """One compiled schema; not thread-safe, since its error log belongs to the last validation."""

    def __init__(self, folder: Path, file: str) -> None:
        """Take the rules folder and the schema's path in it; nothing is read yet."""
        self._folder = folder
        self._file = file

    @cached_property
    def _compiled(self) -> etree.XMLSchema:
        try:
            parsed = etree.parse(str(self._folder / self._file), etree.XMLParser(no_network=True))
            return etree.XMLSchema(parsed)
        except (OSError, etree.LxmlError) as error:
            raise unusable(self._folder, self._file, error) from error

    def findings(self, root: Element) -> list[Finding]:
        """Validate a document; returns what breaks the schema, nothing when it is valid.

        Blanks around a date are taken away in the document: XML schema allows them, libxml2 does not.
        Hints to other schemas inside the document (``xsi:schemaLocation``) are not followed. Raises
        `RulesMissing` where the schema itself cannot be used.
        """
        if self._compiled.validate(root) or (_collapse_dates(root) and self._compiled.validate(root)):
            return []
        entries = islice(cast(Iterable[Any], self._compiled.error_log), MAX_FINDINGS)
        return [finding("SETTLE-SCHEMA", _plain(entry.message), f"line {entry.line}") for entry in entries]


def _collapse_dates(root: Element) -> bool:
    """Take away the blanks around dates and times; returns whether there were any.

    XML schema says so for all types but texts (part 2, 4.3.6 whiteSpace: collapse). libxml2 does it for
    numbers and not for dates.
    """
    changed = False
    for element in root.iter("*"):
        text = element.text
        if text is None or len(text) > _LONGEST_DATE or not (text[:1].isspace() or text[-1:].isspace()):
            continue
        collapsed = text.strip(_BLANKS)
        if collapsed != text and _DATE.fullmatch(collapsed):
            element.text = collapsed
            changed = True
    return changed


def _plain(message: str) -> str:
    """Write the usual prefixes for the namespaces in libxml2's message: it spells out each one in full.

    It also quotes a wrong value in full, megabytes if need be: what is not shown is cut off first.
    """
    return _NAMESPACE.sub(lambda match: _PREFIXES.get(match[1], match[0]), message[:_LONGEST_MESSAGE])

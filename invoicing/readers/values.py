"""Taking values out of XML: a value that cannot be read becomes a finding, never an exception."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Literal

from invoicing.findings import Finding, finding, shortened
from invoicing.model import Identifier
from invoicing.safe_xml import Element, place_of

Form = Literal["number", "date"]

# ASCII digits only and no exponent, as XML schema has it; Python's Decimal would take much more.
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2}|T[0-9:.Z+-]+)?")
_COMPACT_DATE = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})(?:[0-9]{4}|[0-9]{6})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_SHOWN = 60
_MAX_FINDINGS = 100


class Values:
    """Reads values by paths such as ``cac:Party/cbc:Name`` and collects what was unreadable."""

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self.findings: list[Finding] = []
        self._expanded = _expander(tuple(namespaces.items()))

    def one(self, element: Element | None, path: str) -> Element | None:
        """Return the first element at the path, or None."""
        return None if element is None else _first(element, self._expanded(path))

    def all(self, element: Element | None, path: str) -> list[Element]:
        """Return all elements at the path."""
        found = [] if element is None else [element]
        for tag in self._expanded(path):
            found = [child for parent in found for child in parent.iterchildren(tag)]
        return found

    def text(self, element: Element | None, path: str) -> str | None:
        """Return the text of the first element at the path; None when there is none or it is blank."""
        return text_of(self.one(element, path))

    def number(self, element: Element | None, path: str) -> Decimal | None:
        """Return the number at the path, with its digits as written."""
        return self.number_of(self.one(element, path))

    def number_of(self, element: Element | None) -> Decimal | None:
        """Return the number that an element holds."""
        text = text_of(element)
        if element is None or text is None:
            return None
        if _DECIMAL.fullmatch(text):
            return Decimal(text)
        self._unreadable(element, text, "number")
        return None

    def date(self, element: Element | None, path: str) -> date | None:
        """Return the date at the path: ``2024-12-31`` or ``20241231``; a time or zone after it is dropped."""
        return self.date_of(self.one(element, path))

    def date_of(self, element: Element | None) -> date | None:
        """Return the date that an element holds."""
        text = text_of(element)
        if element is None or text is None:
            return None
        match = _ISO_DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text)
        try:
            if match:
                return date(int(match[1]), int(match[2]), int(match[3]))
        except ValueError:
            pass  # the 31st of April: as unreadable as no date at all
        self._unreadable(element, text, "date")
        return None

    def dates(self, element: Element | None, path: str) -> list[date]:
        """Return all dates at the path that can be read."""
        found = map(self.date_of, self.all(element, path))
        return [value for value in found if value is not None]

    def moment(self, element: Element | None, path: str) -> date | None:
        """Return the date in the first child of the element at the path, the way CII wraps its dates."""
        holder = self.one(element, path)
        return None if holder is None else self.date_of(next(holder.iterchildren("*"), None))

    def identifier(self, element: Element | None, path: str) -> Identifier | None:
        """Return the identifier at the path with its scheme."""
        return identifier_of(self.one(element, path))

    def identifiers(self, element: Element | None, path: str) -> tuple[Identifier, ...]:
        """Return all identifiers at the path."""
        return tuple(found for each in self.all(element, path) if (found := identifier_of(each)))

    def _unreadable(self, element: Element, text: str, form: Form) -> None:
        if len(self.findings) >= _MAX_FINDINGS:
            return
        rule = "SETTLE-READ-NUMBER" if form == "number" else "SETTLE-READ-DATE"
        text = f"“{shortened(text, _SHOWN)}” is not a {form}."
        self.findings.append(finding(rule, text, place_of(element)))


def text_of(element: Element | None) -> str | None:
    """Return an element's text without white space around it; None when it is missing or blank."""
    if element is None or element.text is None:
        return None
    return element.text.strip() or None


def identifier_of(element: Element | None) -> Identifier | None:
    """Return an element's text as identifier; the scheme is its ``schemeID`` or ``listID``."""
    text = text_of(element)
    if element is None or text is None:
        return None
    scheme = element.get("schemeID") or element.get("listID")
    return Identifier(value=text, scheme=scheme, version=element.get("listVersionID"))


def decoded_size(element: Element | None) -> int | None:
    """Return how many bytes an element's base64 text stands for, without decoding it."""
    if element is None:
        return None
    text = element.text or ""
    digits = len(text) - sum(map(text.count, " \t\r\n="))
    return digits * 3 // 4


def _first(element: Element, tags: tuple[str, ...]) -> Element | None:
    """Return the first element at a path of tags: what `find` does, in two thirds of its time."""
    tag, rest = tags[0], tags[1:]
    for child in element.iterchildren(tag):
        found = _first(child, rest) if rest else child
        if found is not None:
            return found
    return None


@cache
def _expander(namespaces: tuple[tuple[str, str], ...]) -> Callable[[str], tuple[str, ...]]:
    known = dict(namespaces)

    @cache
    def expand(path: str) -> tuple[str, ...]:
        steps = (step.partition(":") for step in path.split("/"))
        return tuple(f"{{{known[prefix]}}}{name}" for prefix, _, name in steps)

    return expand

"""Writing XML with prefixes, leaving out what is not there."""

from datetime import date
from decimal import Decimal
from typing import Any, Self

from lxml import etree

Value = str | Decimal | date | None


class Node:
    """An element to which children are added; a None value adds nothing."""

    def __init__(self, element: etree._Element, namespaces: dict[str | None, str]) -> None:
        self._element, self._namespaces = element, namespaces

    @classmethod
    def root(cls, name: str, namespaces: dict[str | None, str]) -> Self:
        """Start a document; ``name`` is ``prefix:Name``, or ``Name`` in the default namespace."""
        # None is lxml's name of the default namespace, though its type says otherwise.
        nsmap: Any = namespaces
        return cls(etree.Element(_qualified(name, namespaces), nsmap=nsmap), namespaces)

    def group(self, name: str) -> "Node":
        """Add an element that holds others."""
        child = etree.SubElement(self._element, _qualified(name, self._namespaces))
        return Node(child, self._namespaces)

    def groups(self, path: str) -> "Node":
        """Add nested elements, ``a:B/a:C``, and return the innermost."""
        node = self
        for name in path.split("/"):
            node = node.group(name)
        return node

    def add(self, path: str, value: Value, **attributes: str | None) -> None:
        """Add an element with a text, within nested elements if the path has several steps."""
        if value is None or value == "":
            return
        leaf = self.groups(path)._element
        leaf.text = f"{value:f}" if isinstance(value, Decimal) else str(value)
        for name, text in attributes.items():
            if text is not None:
                leaf.set(name, text)

    def to_bytes(self) -> bytes:
        """Return the document in UTF-8, indented as people expect it."""
        etree.indent(self._element, space="  ")
        return etree.tostring(self._element, xml_declaration=True, encoding="UTF-8") + b"\n"


def _qualified(name: str, namespaces: dict[str | None, str]) -> str:
    prefix, _, local = name.rpartition(":")
    return f"{{{namespaces[prefix or None]}}}{local}"

"""Expressions of Logic Apps: `@body('Start')?['id']`, and texts with some in them: `a@{b}c`.

    expression := primary access*            access := ['?'] '.' name | ['?'] '[' expression ']'
    primary    := name '(' [expression {',' expression}] ')' | text | number | true | false | null

A text stands in single quotes, a quote in it is doubled. `@@` at the beginning of a value is a plain `@`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z_$][A-Za-z0-9_]*)"
    r"|(?P<mark>\?\.|\?\[|[().,\[\]]))"
)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_DEEPEST = 40


class BadExpression(ValueError):
    """A text that looks like an expression is none; the text says where it goes wrong."""


@dataclass(frozen=True)
class Literal:
    """A text, a number, true, false or null."""

    value: str | float | bool | None


@dataclass(frozen=True)
class Call:
    """A function with its arguments."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Access:
    """A part of a value; `optional`: nothing there is no error."""

    of: Expression
    key: Expression
    optional: bool


Expression = Literal | Call | Access


def expressions_of(value: str) -> list[Expression]:
    """The expressions in a value of a definition. Raises BadExpression."""
    if value.startswith("@@"):
        return []
    if value.startswith("@") and not value.startswith("@{"):
        return [parse(value[1:])]
    return [parse(text) for is_expression, text in parts_of(value) if is_expression]


def parts_of(value: str) -> list[tuple[bool, str]]:
    """A text in parts: plain ones (False), and expressions without their braces (True).

    Raises BadExpression where one is not closed.
    """
    parts: list[tuple[bool, str]] = []
    place = 0
    while (start := value.find("@{", place)) >= 0:
        if start > 0 and value[start - 1] == "@":  # `@@{` is plain
            parts.append((False, value[place : start + 2]))
            place = start + 2
            continue
        end = _closing(value, start + 2)
        parts += [(False, value[place:start]), (True, value[start + 2 : end])]
        place = end + 1
    return [(kind, text) for kind, text in [*parts, (False, value[place:])] if text or kind]


def _closing(value: str, start: int) -> int:
    """Where the brace of an expression is closed: not in a text within it."""
    quoted = False
    for place in range(start, len(value)):
        if value[place] == "'":
            quoted = not quoted
        elif value[place] == "}" and not quoted:
            return place
    raise BadExpression(f"an expression is not closed: {value[start - 2 : start + 40]}")


def parse(text: str) -> Expression:
    """Read one expression. Raises BadExpression."""
    parser = _Parser(text)
    found = parser.expression(0)
    parser.end()
    return found


def walk(expression: Expression) -> Iterator[Expression]:
    """An expression and all that it is made of."""
    yield expression
    parts: tuple[Expression, ...] = ()
    if isinstance(expression, Call):
        parts = expression.arguments
    elif isinstance(expression, Access):
        parts = (expression.of, expression.key)
    for part in parts:
        yield from walk(part)


class _Parser:
    """Goes through the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._place = 0

    def expression(self, depth: int) -> Expression:
        if depth > _DEEPEST:
            raise self._wrong("is nested too deeply")
        found = self._primary(depth)
        while (mark := self._mark()) in (".", "?.", "[", "?["):
            self._place += 1
            optional = mark.startswith("?")
            if mark.endswith("."):
                found = Access(found, Literal(self._name()), optional)
            else:
                found = Access(found, self.expression(depth + 1), optional)
                self._take("]")
        return found

    def end(self) -> None:
        if self._place < len(self._tokens):
            raise self._wrong("goes on after its end")

    def _primary(self, depth: int) -> Expression:
        if self._place >= len(self._tokens):
            raise self._wrong("ends too early")
        kind, text = self._tokens[self._place]
        self._place += 1
        if kind == "text":
            return Literal(text[1:-1].replace("''", "'"))
        if kind == "number":
            return Literal(float(text))
        if kind == "name" and self._mark() == "(":
            return Call(text, self._arguments(depth))
        if kind == "name" and text in _WORDS:
            return Literal(_WORDS[text])
        raise self._wrong(f"has {text!r} where a value belongs")

    def _arguments(self, depth: int) -> tuple[Expression, ...]:
        self._take("(")
        found: list[Expression] = []
        if self._mark() != ")":
            found.append(self.expression(depth + 1))
            while self._mark() == ",":
                self._place += 1
                found.append(self.expression(depth + 1))
        self._take(")")
        return tuple(found)

    def _name(self) -> str:
        kind, text = self._tokens[self._place] if self._place < len(self._tokens) else ("", "")
        if kind != "name":
            raise self._wrong("has no name after a dot")
        self._place += 1
        return text

    def _mark(self) -> str:
        kind, text = self._tokens[self._place] if self._place < len(self._tokens) else ("", "")
        return text if kind == "mark" else ""

    def _take(self, mark: str) -> None:
        if self._mark() != mark:
            raise self._wrong(f"lacks {mark!r}")
        self._place += 1

    def _wrong(self, what: str) -> BadExpression:
        return BadExpression(f"the expression {what}: {self._text[:80]}")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place, end = 0, len(text.rstrip())
    while place < end:
        found = _TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise BadExpression(f"the expression has something unknown at {text[place : place + 20]!r}")
        yield found.lastgroup, found[found.lastgroup]
        place = found.end()

"""The texts of a definition, and what the expressions in them call and look up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from devtools.logic_apps.expressions import (
    Access,
    BadExpression,
    Call,
    Expression,
    Literal,
    expressions_of,
    walk,
)
from devtools.logic_apps.scopes import Json


def first_argument(call: Call) -> Any:
    """The plain first argument of a call; None where there is none."""
    argument = call.arguments[0] if call.arguments else None
    return argument.value if isinstance(argument, Literal) else None


def whole_accesses(expression: Expression) -> Iterator[tuple[Call, list[str]]]:
    """Calls with the plain keys that are looked up in what they give."""
    for part in walk(expression):
        keys: list[str] = []
        inner = part
        while isinstance(inner, Access):
            if not isinstance(inner.key, Literal) or not isinstance(inner.key.value, str):
                keys = []
            else:
                keys.insert(0, inner.key.value)
            inner = inner.of
        if isinstance(inner, Call) and keys:
            yield inner, keys


def texts(value: object) -> Iterator[str]:
    """All texts of a value, names of fields included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in cast(Json, value).items():
            yield name
            yield from texts(one)
    elif isinstance(value, list):
        for one in cast(list[object], value):
            yield from texts(one)


def calls_in(value: object) -> Iterator[Call]:
    """All calls of functions in a value; what cannot be read has none."""
    for text in texts(value):
        try:
            found = expressions_of(text)
        except BadExpression:
            continue
        for expression in found:
            yield from (part for part in walk(expression) if isinstance(part, Call))

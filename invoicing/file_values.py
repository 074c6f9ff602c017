"""Reading the values of a settings file: each that cannot be used is noted with its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeGuard

from invoicing import texts
from invoicing.approval import durations

_POINTER = re.compile(r"(/([^~/]|~[01])*)*")

# An object of the file, which a person wrote: anything may be in it.
Object = dict[str, Any]


def is_object(value: Any) -> TypeGuard[Object]:
    """Say whether a value is an object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Say whether a value is a list."""
    return isinstance(value, list)


class ValueReader:
    """Reads values by their kinds; `problems` has what was noted."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def note(self, place: str, problem: str) -> None:
        """Add a problem."""
        self.problems.append(f"{place}: {problem}" if place else problem)

    def known(self, value: Object, names: set[str], place: str) -> None:
        """Note fields that mean nothing: mostly a mistyped name."""
        for name in value:
            if name not in names:
                self.note(f"{place}.{name}".lstrip("."), f"is unknown; known are {', '.join(sorted(names))}")

    def items(self, value: Any, place: str, read: Callable[[Any, str], Any], most: int) -> list[Any]:
        """A list, each item read with its place."""
        if not is_list(value) or not value:
            self.note(place, "is not a list" if value else "is empty or missing")
            return []
        if len(value) > most:
            self.note(place, f"has more than {most} items")
        return [read(item, f"{place}[{n}]") for n, item in enumerate(value[:most])]

    def object_of(self, value: Object, name: str, place: str) -> Object:
        """An object, empty where it is left out."""
        found = value.get(name, {})
        if is_object(found):
            return found
        self.note(f"{place}.{name}", "is not an object")
        return {}

    def text(self, value: Object, name: str, place: str, form: re.Pattern[str], words: str) -> str:
        """A text of a form."""
        found = value.get(name)
        if isinstance(found, str) and form.fullmatch(found):
            return found
        self.note(f"{place}.{name}", f"is missing, or not of {words}")
        return ""

    def title(self, value: Any, place: str) -> str:
        """The name of a service for people: one short line."""
        if isinstance(value, str) and value.strip() and texts.cleaned(value, 100) == value:
            return value
        self.note(place, "is not a short text")
        return ""

    def one_of(self, value: Object, name: str, words: tuple[Any, ...], place: str) -> Any:
        """One of some words, the first where it is left out."""
        found = value.get(name, words[0])
        if found in words:
            return found
        self.note(f"{place}.{name}", f"is {' or '.join(words)}")
        return words[0]

    def pointer(self, value: Any, place: str) -> str:
        """A JSON pointer."""
        if isinstance(value, str) and _POINTER.fullmatch(value):
            return value
        self.note(place, 'is not a JSON pointer such as "/valid" (RFC 6901)')
        return ""

    def texts_of(self, value: Object, name: str, place: str) -> list[str]:
        """A list of texts, empty where it is left out."""
        found = value.get(name, [])
        if is_list(found) and all(isinstance(item, str) for item in found):
            return found
        self.note(f"{place}.{name}", "is not a list of texts")
        return []

    def codes(self, value: Object, name: str, place: str) -> frozenset[str] | None:
        """Codes of two capital letters; None where they are left out."""
        if name not in value:
            return None
        found = self.texts_of(value, name, place)
        if not found or not all(re.fullmatch(r"[A-Z]{2}", code) for code in found):
            self.note(f"{place}.{name}", 'is not a list of codes such as ["DE", "FR"]')
        return frozenset(found)

    def span(
        self, value: Object, name: str, place: str, usual: timedelta, least: timedelta, most: timedelta
    ) -> timedelta:
        """An ISO 8601 duration within bounds."""
        if name not in value:
            return usual
        at = f"{place}.{name}".lstrip(".")
        try:
            span = durations.parse(value[name] if isinstance(value[name], str) else repr(value[name]))
        except ValueError as error:
            self.note(at, str(error))
            return usual
        if not least <= span <= most:
            self.note(at, f"is not from {durations.write(least)} to {durations.write(most)}")
            return usual
        return span

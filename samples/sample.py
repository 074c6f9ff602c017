"""A sample: a file, what it shows, and what is to become of it."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from samples.document import Document, Line

Outcome = Literal["valid", "invalid", "unreadable", "duplicate"]


@dataclass(frozen=True)
class Sample:
    """A file: its name, what it shows, how it is made, and what is to become of it with which findings.

    ``rules`` are the rules it breaks, warnings included. A duplicate is valid by itself; ``duplicate_of``
    names the sample that owns its number.
    """

    name: str
    shows: str
    content: Callable[[], bytes]
    outcome: Outcome = "valid"
    rules: tuple[str, ...] = ()
    duplicate_of: str | None = None


def written(name: str, shows: str, write: Callable[[Document], bytes], document: Document) -> Sample:
    """Return the sample of a document that is in order, written in one of the formats."""
    return Sample(name, shows, lambda: write(document))


def line(
    name: str, quantity: str, unit: str, price: str, rate: str | None, category: str = "S", **more: Any
) -> Line:
    """Make a line from texts; ``more`` are the other fields of `Line`."""
    vat = None if rate is None else Decimal(rate)
    return Line(name, Decimal(quantity), unit, Decimal(price), vat, category, **more)

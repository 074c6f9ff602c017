"""How messages write values. Those from invoices are strangers' words: cut to a length, on one line."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

LONGEST_NAME = 120


def line(value: Any, longest: int = LONGEST_NAME) -> str:
    """A value on one line, without what terminals or mail readers could take for more than text."""
    text = " ".join(printable(str(value or "")).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def printable(text: str, keep: str = "") -> str:
    """A text with blanks in place of what is no printable character, but for those of `keep`."""
    return "".join(c if c.isprintable() or c in keep else " " for c in text)


def amount(value: Any, currency: Any) -> str:
    """`1,234.50 EUR`, or words where there is no amount."""
    try:
        return f"{Decimal(str(value)):,.2f} {line(currency)}".strip()
    except InvalidOperation:
        return "an unknown amount"


def moment(at: datetime | None) -> str:
    """`2026-05-01 10:00 UTC` of a time in UTC, "" of none."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""


def counted(number: int, singular: str, plural: str) -> str:
    """`1 invoice waits`, `1,204 invoices wait`."""
    return f"{number:,} {singular if number == 1 else plural}"

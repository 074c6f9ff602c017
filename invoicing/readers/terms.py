"""Payment terms: when an invoice is due for net, and the discounts for those who pay before.

A document may have several terms: discounts with their own dates, and the net term. What is due is due at the
net date, whichever term comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from invoicing.model import PaymentDiscount

MAX_DISCOUNTS = 20
"""More discounts than that are none."""
MAX_DAYS = 9999

# As XRechnung writes discounts into the text of BT-20 (rule BR-DE-18): one a line.
_SKONTO = re.compile(
    r"#SKONTO#TAGE=([0-9]{1,4})#PROZENT=([0-9]{1,3}(?:\.[0-9]{1,4})?)#"
    r"(?:BASISBETRAG=(-?[0-9]{1,15}(?:\.[0-9]{1,4})?)#)?"
)


@dataclass(frozen=True)
class Term:
    """One payment term (BT-20 with BT-9) as its syntax has it."""

    text: str | None = None
    due: date | None = None
    discounts: tuple[PaymentDiscount, ...] = ()


def whole_days(days: Decimal | None) -> int | None:
    """A number of days that can be meant; None for any other."""
    if days is None or days != days.to_integral_value() or not 0 <= days <= MAX_DAYS:
        return None
    return int(days)


def due_date(terms: Sequence[Term]) -> date | None:
    """When everything has to be paid: the last date of the terms without a discount, else of all."""
    net = [term.due for term in terms if term.due and not term.discounts]
    return max(net or [term.due for term in terms if term.due], default=None)


def text_of_terms(terms: Iterable[Term]) -> str | None:
    """The texts of all terms, a line each."""
    return lines_of(term.text for term in terms)


def lines_of(texts: Iterable[str | None]) -> str | None:
    """Texts as lines, each different one once; None where there is none."""
    return "\n".join(dict.fromkeys(text for text in texts if text)) or None


def discounts(terms: Iterable[Term]) -> tuple[PaymentDiscount, ...]:
    """All discounts: those that the syntax has fields for, and those that are written into the texts."""
    found = [discount for term in terms for discount in (*term.discounts, *written_discounts(term.text))]
    return tuple(dict.fromkeys(found))[:MAX_DISCOUNTS]


def written_discounts(text: str | None) -> tuple[PaymentDiscount, ...]:
    """The discounts in a text such as ``#SKONTO#TAGE=14#PROZENT=2.25#``."""
    found = (
        PaymentDiscount(
            percent=Decimal(match[2]), days=int(match[1]), base=Decimal(match[3]) if match[3] else None
        )
        for match in _SKONTO.finditer(text or "")
    )
    return tuple(discount for discount, _ in zip(found, range(MAX_DISCOUNTS), strict=False))

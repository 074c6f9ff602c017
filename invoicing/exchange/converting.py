"""Converting an amount, so that the rules of the policy can compare amounts of other currencies.

Rounding: the product is taken with all its digits and rounded once, half up, to the hundredth. What is shown
is what was compared.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation, localcontext

from invoicing.findings import Finding, finding
from invoicing.records.rates import Comparison, RateTable

#: A table counts so long after it came: one that is just being stored would be seen by one attempt of a step
#: and not by another. It covers clocks that differ and a slow storage.
SETTLES = timedelta(minutes=10)

_HUNDREDTH = Decimal("0.01")
_DIGITS = 60
_SHOWN = Context(prec=10)


def counts(table: RateTable, now: datetime) -> bool:
    """Say whether a table was there well before a moment, so that each look at that moment sees it."""
    return table.fetched + SETTLES <= now


def compare(amount: Decimal | None, currency: str | None, into: str, table: RateTable | None) -> Comparison:
    """An amount in the currency `into`, by the rates of a table (None: there is none that counts)."""
    if amount is None or currency is None:
        return Comparison(currency=into, problem="amount")
    if table is None:
        return Comparison(currency=into, problem="no_rates")
    one, other = _rate(table, currency), _rate(table, into)
    if one is None or other is None:
        return Comparison(currency=into, problem="no_rate", day=table.day, source=table.source)
    try:
        with localcontext() as context:
            context.prec = _DIGITS
            converted = (amount * other / one).quantize(_HUNDREDTH, ROUND_HALF_UP)
            rate = _SHOWN.divide(one, other)
    except InvalidOperation:  # an amount of more digits than any money has
        return Comparison(currency=into, problem="amount")
    return Comparison(currency=into, amount=converted, rate=rate, day=table.day, source=table.source)


def _rate(table: RateTable, currency: str) -> Decimal | None:
    """How much of a currency one unit of the table's base is worth."""
    return Decimal(1) if currency == table.base else table.rates.get(currency)


def finding_of(comparison: Comparison, currency: str | None, days: int) -> Finding | None:
    """What approvers are told of an amount that was not converted; `days`: how old rates may be."""
    if comparison.problem == "no_rate":
        shown = currency or "its currency"
        return finding(
            "SETTLE-RATE-NONE",
            f"The rates of {comparison.day} have none from {shown} to {comparison.currency}, so no rule that "
            "compares converted amounts applied.",
        )
    if comparison.problem == "no_rates":
        return finding(
            "SETTLE-RATES-OLD",
            f"There are no exchange rates of the last {days} days, so no rule that compares converted "
            "amounts applied.",
        )
    return None

"""Exchange rates as they are stored, and how an amount was converted when a rule was chosen."""

from __future__ import annotations

from datetime import date
from typing import Literal

from invoicing.records.base import Moment, Money, Record, optional


class RateTable(Record):
    """The rates of one day: how much of each currency one unit of `base` is worth.

    Stored once for each day and never changed. `fetched`: when it came, `source`: the host that it came from.
    """

    day: date
    base: str
    rates: dict[str, Money]
    fetched: Moment
    source: str


class RatesState(Record):
    """How the last fetch of rates went; `error`: why it failed. `newest`: the newest day that is stored."""

    tried: Moment
    error: str | None = optional()
    newest: date | None = optional()


ComparisonProblem = Literal["no_rate", "no_rates", "amount"]
"""Why an amount was not converted: no rate for its currency, no rates that count, or it is out of bounds."""


class Comparison(Record):
    """An amount in another currency, as the rules compared it.

    `amount` is in `currency`. `rate`: how much of the invoice's currency one unit of `currency` was worth on
    `day`, by `source`. Where `problem` says why there is none, these are None.
    """

    currency: str
    amount: Money | None = optional()
    rate: Money | None = optional()
    day: date | None = optional()
    source: str | None = optional()
    problem: ComparisonProblem | None = optional()

"""What the API says of exchange rates."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from invoicing.records.answers.common import Time, Whole
from invoicing.records.base import Money, Record


class RatesStatus(Record):
    """The exchange rates that count now, and how the last fetch went."""

    set_up: Annotated[bool, Field(description="Whether a setting says where rates come from.")]
    old: Annotated[bool, Field(description="There are none, or they are too old to count.")]
    days: Annotated[Whole, Field(description="How old they may be.")]
    day: Annotated[date | None, Field(description="The day of the newest that count.")]
    base: Annotated[str | None, Field(description="One unit of it is worth so much of each other.")]
    rates: dict[str, Money]
    source: Annotated[str | None, Field(description="The host that they came from.")]
    fetched: Time | None
    tried: Annotated[Time | None, Field(description="When they were last asked for.")]
    error: Annotated[str | None, Field(description="Why that failed; null where it did not.")]

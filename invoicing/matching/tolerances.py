"""What the policy says of goods receipts: tolerances, how long an invoice waits, and who is reminded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

UnknownOrder = Literal["go_on", "wait", "ignore"]
"""What an invoice does whose order nobody sent in: it goes on with a finding, waits for the order, or goes on
as if it named none."""

OrderRequired = Literal["no", "where_ordered", "always"]
"""Which invoices have to name an order: none, those of suppliers that orders were sent in for, or all."""


@dataclass(frozen=True)
class GoodsPolicy:
    """The section `goods_receipt` of the policy.

    Two quantities are equal within the larger of `quantity_percent` (of what was ordered) and
    `quantity_units`. `wait`: how long an invoice waits for its goods. `remind`: who is reminded.
    """

    wait: timedelta
    quantity_percent: Decimal = Decimal(0)
    quantity_units: Decimal = Decimal(0)
    price_percent: Decimal = Decimal(0)
    remind_after: timedelta | None = None
    remind_every: timedelta | None = None
    remind: tuple[str, ...] = ()
    unknown_order: UnknownOrder = "go_on"
    order_required: OrderRequired = "no"

    def quantity(self, ordered: Decimal) -> Decimal:
        """By how much a quantity may be over, of a line of which so much was ordered; never negative."""
        return max(abs(ordered) * self.quantity_percent / 100, self.quantity_units)

    def reminders_due(self, waited: timedelta) -> int:
        """How many reminders are due after so long a time."""
        if self.remind_after is None or waited < self.remind_after:
            return 0
        if self.remind_every is None:
            return 1
        return 1 + (waited - self.remind_after) // self.remind_every

    def next_reminder(self, sent: int) -> timedelta | None:
        """After what time the next one is due, where so many were sent; None: no more before the end."""
        if self.remind_after is None or (sent and self.remind_every is None):
            return None
        after = self.remind_after + sent * (self.remind_every or timedelta(0))
        return after if after < self.wait else None

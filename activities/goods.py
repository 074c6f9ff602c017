"""Goods: compare an invoice with its order and what was received, and take back what it bills."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.base import Reference
from invoicing.records.goods_steps import LOOK_AT_GOODS, WITHDRAW_BILLING, GoodsLook, GoodsNow
from invoicing.records.invoice_steps import Compensated
from usecases import look_at_goods as looking

bp = df.Blueprint()


@activity(bp, LOOK_AT_GOODS)
def look_at_goods(look: GoodsLook) -> GoodsNow:
    """Compare an invoice with what is there by now. Raises PolicyInvalid, which is waited for."""
    return looking.look_at_goods(services.current(), look)


@activity(bp, WITHDRAW_BILLING)
def withdraw_billing(ref: str) -> Compensated:
    """What an invoice bills of its order counts no more."""
    return Compensated(done=looking.withdraw_billing(services.current(), Reference(ref)))

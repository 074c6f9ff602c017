"""An invoice that waits for its goods: `goods_receipt` and its steps."""

from __future__ import annotations

from typing import Literal

from invoicing.records.base import Moment, Record, Reference, Step, flag, optional
from invoicing.records.goods import Ending
from invoicing.records.invoice_steps import Compensated
from invoicing.records.problem import Problem
from invoicing.records.route import Route, RoutingJob


class GoodsJob(Record):
    """An invoice, the run of it that waits, and the key of the signals that it waits for: its order.

    `continues`: the run has waited before, and continues as new.
    """

    ref: Reference
    run: str | None = None
    key: str
    continues: bool = flag()


class GoodsResult(Record):
    """`ended`: how the waiting ended; `failed`: a step kept failing, `error` says which."""

    outcome: Literal["ended", "failed"]
    ended: Ending | None = optional()
    error: Problem | None = optional()


class GoodsProgress(Record):
    """The custom status. `receipts`: how many signals count; `lines`: how many of `of` lines match."""

    order: str
    ended: Ending | None = None
    until: Moment | None = None
    receipts: int = 0
    lines: int = 0
    of: int = 0
    reminders: int = 0


GOODS_RECEIPT = Step("goods_receipt", GoodsJob, GoodsResult)


def goods_instance(owner: str) -> str:
    """The instance that waits for the goods of an invoice; `owner`: the run of the invoice."""
    return f"{owner}-goods"


class GoodsLook(Record):
    """Compare an invoice with what is there by now; `at`: the time of the look."""

    ref: Reference
    run: str | None = None
    at: Moment


class GoodsNow(Record):
    """How an invoice stands. `ended`: None while it waits; `next`: when it is looked at again by itself."""

    ended: Ending | None = None
    next: Moment
    until: Moment
    receipts: int = 0
    lines: int = 0
    of: int = 0
    reminders: int = 0


LOOK_AT_GOODS = Step("look_at_goods", GoodsLook, GoodsNow)

WITHDRAW_BILLING = Step("withdraw_billing", str, Compensated)
"""What an invoice bills of its order counts no more; takes its reference."""


class DocumentRouteJob(RoutingJob):
    """Route a document of a batch whose goods were waited for."""

    ref: Reference
    now: Moment


ROUTE_DOCUMENT = Step("route_document", DocumentRouteJob, Route)

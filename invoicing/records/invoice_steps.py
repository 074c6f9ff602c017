"""The way of one invoice: `process_invoice`, its steps, and what an invoice of a batch shares with it."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from invoicing.records.base import (
    ApprovalId,
    InvoiceId,
    Moment,
    Person,
    Record,
    Reference,
    Step,
    flag,
    optional,
)
from invoicing.records.document import Outcome
from invoicing.records.problem import Problem
from invoicing.records.route import Route, RoutingJob

Phase = Literal["checking", "claiming", "routing", "goods", "approval", "booking", "undoing", "done"]
Ending = Literal[
    "booked", "rejected", "expired", "failed", "invalid", "unreadable", "set_aside", "duplicate", "valid"
]


class InvoiceJob(Record):
    """An invoice that came alone. `run`: its id is another one where a person begins the way anew.

    `again`: this run was lost before, and what it stored is used.
    """

    invoice: InvoiceId
    run: str | None = None
    again: bool = flag()


class InvoiceResult(Record):
    """What became of an invoice; what is not known of it is not written.

    `approval` is None where nobody had to approve. `stage` and `by`: what decided it. `holder`: the document
    that has its number. `undone`: the steps that were compensated, the last first; `not_undone`: those whose
    compensation failed.
    """

    status: Ending
    approval: ApprovalId | None = None
    stage: str | None = None
    by: Person | None = None
    holder: str | None = None
    error: Problem | None = None
    undone: tuple[str, ...] = ()
    not_undone: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _what_is_known(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:  # JSON of any fields
        return {name: value for name, value in write(self).items() if name in self.model_fields_set}


class InvoiceProgress(Record):
    """The custom status of an invoice's way; names as in `InvoiceResult`."""

    phase: Phase
    approval: ApprovalId | None = None
    undone: tuple[str, ...] | None = optional()
    not_undone: tuple[str, ...] | None = optional()


PROCESS_INVOICE = Step("process_invoice", InvoiceJob, InvoiceResult)


class AssessJob(Record):
    """`today`: the day that dates of issue are held against."""

    invoice: InvoiceId
    today: date


class Assessed(Record):
    """What the check said."""

    outcome: Outcome


ASSESS_INVOICE = Step("assess_invoice", AssessJob, Assessed)


class Claimed(Record):
    """`claimed`: false where there is no number or supplier to compare. `holder`: who has the number."""

    outcome: Literal["ok", "duplicate"]
    claimed: bool | None = optional()
    holder: str | None = optional()


CLAIM_INVOICE = Step("claim_invoice", str, Claimed)


class RouteInvoiceJob(RoutingJob):
    """`run`: the run in which the route counts.

    `goods`: whether its goods may be waited for first, or were; None: a run that does not know of goods.
    """

    invoice: InvoiceId
    run: str | None = None
    now: Moment
    goods: Literal["ask", "waited"] | None = optional()


ROUTE_INVOICE = Step("route_invoice", RouteInvoiceJob, Route)


class FindRouteJob(Record):
    """The run whose route is looked for."""

    invoice: InvoiceId
    run: str | None = None


class FoundRoute(Record):
    """The route that a run wrote down before it was lost; None where there is none.

    `goods`: the invoice had waited for its goods, or waits for them; also where there is no route yet.
    """

    route: Route | None = optional()
    goods: bool = flag()


FIND_ROUTE = Step("find_route", FindRouteJob, FoundRoute)


# ---------------------------------------------------------------- booking, also of documents of a batch


class BookJob(Record):
    """`approval`: the one that the run saw through, None where it needed nobody. `now`: of the booking."""

    ref: Reference
    approval: ApprovalId | None
    now: Moment


class Booked(Record):
    """`bad`: the invoice is not booked, and repeating the step would not help."""

    outcome: Literal["ok", "bad"]
    error: Problem | None = optional()


BOOK_PAYABLE = Step("book_payable", BookJob, Booked)


# ---------------------------------------------------------------- compensation


class Compensated(Record):
    """`done`: false where there was nothing to take back."""

    done: bool


class WithdrawJob(Record):
    """A payable that was, or may have been, written for an approval (None: nobody had to approve)."""

    ref: Reference
    approval: ApprovalId | None


WITHDRAW_PAYABLE = Step("withdraw_payable", WithdrawJob, Compensated)

RELEASE_CLAIM = Step("release_claim", str, Compensated)

"""One invoice from end to end: check, claim, route, approve, book; and the compensation where it fails.

    assess -> claim -> goods (where the policy says so) -> route -> approval (people, days) -> book

The document is stored by whoever starts this.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from typing import Any

import azure.durable_functions as df

from invoicing.records.base import ApprovalId, Reference
from invoicing.records.goods_steps import WITHDRAW_BILLING, GoodsJob, goods_instance
from invoicing.records.invoice_steps import (
    ASSESS_INVOICE,
    CLAIM_INVOICE,
    FIND_ROUTE,
    PROCESS_INVOICE,
    RELEASE_CLAIM,
    ROUTE_INVOICE,
    AssessJob,
    FindRouteJob,
    InvoiceJob,
    InvoiceProgress,
    InvoiceResult,
    Phase,
    RouteInvoiceJob,
)
from invoicing.records.route import Route
from orchestrators import versions
from orchestrators.goods_receipt import await_goods
from orchestrators.retry import ActivityGaveUp
from orchestrators.routing import routed
from orchestrators.settling import CompensationOutcome, Compensations, Settling, compensated, failed, settle
from orchestrators.steps import call, input_of
from orchestrators.versions import since

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context")
def process_invoice(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Take one invoice to its payable; unless it was booked, its steps are compensated, the last first."""
    chain = _Chain(context, input_of(context, PROCESS_INVOICE))
    try:
        result = yield from chain.run()
    except ActivityGaveUp as failure:
        result = failed(str(failure))
    result = yield from chain.end(result)
    return PROCESS_INVOICE.written_output(result)


class _Chain:
    """The steps of one invoice and the compensation that each of them leaves."""

    def __init__(self, context: df.DurableOrchestrationContext, job: InvoiceJob) -> None:
        self._context = context
        self._job = job
        self._compensations = Compensations(context)
        self._approval: ApprovalId | None = None
        self._has_billed = False

    def run(self) -> Settling:
        """All steps in order, as far as they go."""
        self._show("checking")
        if self._job.again:
            job = FindRouteJob(invoice=self._job.invoice, run=self._job.run)
            found = yield from call(self._context, FIND_ROUTE, job)
            self._has_billed = found.goods
            if found.route is not None:  # it was checked and claimed, so both stand
                self._note_claim()
                if found.goods:
                    self._note_billing()
                return (yield from self._settle(found.route.approval))

        now = self._context.current_utc_datetime
        assessed = yield from call(
            self._context, ASSESS_INVOICE, AssessJob(invoice=self._job.invoice, today=now.date())
        )
        if assessed.outcome != "valid":
            return InvoiceResult(status=assessed.outcome)

        self._show("claiming")
        self._note_claim()
        claimed = yield from call(self._context, CLAIM_INVOICE, self._job.invoice)
        if claimed.outcome == "duplicate":
            return InvoiceResult(status="duplicate", holder=claimed.holder)

        self._show("routing")
        route = yield from self._route(now)
        if route.outcome != "ok":
            return InvoiceResult(status="failed", error=route.error)
        return (yield from self._settle(route.approval))

    def end(self, result: InvoiceResult) -> Settling:
        """Compensate what was done, unless the invoice was booked, and say so."""
        outcome = CompensationOutcome()
        if result.status != "booked":
            self._show("undoing")
            outcome = yield from self._compensations.run()
        self._show("done", outcome)
        return compensated(result, outcome)

    def _settle(self, approval: ApprovalId | None) -> Settling:
        self._approval = approval
        reference = Reference(self._job.invoice)
        return (yield from settle(self._context, reference, approval, self._compensations, self._show))

    def _route(self, now: datetime) -> Generator[Any, Any, Route]:
        """Apply the policy; where it wants that, the goods are waited for first."""
        goods = "ask" if since(versions.GOODS, self._context) else None
        job = RouteInvoiceJob(invoice=self._job.invoice, run=self._job.run, now=now, goods=goods)
        if self._has_billed:  # by the run that was lost
            self._note_billing()
        route = yield from routed(self._context, ROUTE_INVOICE, job)
        if route.goods is None:
            return route

        self._show("goods")
        if not self._has_billed:
            self._note_billing()
        awaited = GoodsJob(ref=Reference(self._job.invoice), run=self._job.run, key=route.goods)
        yield from await_goods(self._context, awaited, goods_instance(self._context.instance_id))
        self._show("routing")
        changes = {"now": self._context.current_utc_datetime, "goods": "waited"}
        return (yield from routed(self._context, ROUTE_INVOICE, job.model_copy(update=changes)))

    def _note_billing(self) -> None:
        self._compensations.note("goods", WITHDRAW_BILLING, self._job.invoice)

    def _note_claim(self) -> None:
        # Before it is done: an attempt that failed may have claimed all the same.
        self._compensations.note("claim", RELEASE_CLAIM, self._job.invoice)

    def _show(self, phase: Phase, outcome: CompensationOutcome | None = None) -> None:
        status = InvoiceProgress(phase=phase, approval=self._approval)
        if outcome is not None:
            undone = {"undone": outcome.done, "not_undone": outcome.failed or None}
            status = status.model_copy(update=undone)
        self._context.set_custom_status(status.as_plain())

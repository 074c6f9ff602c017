"""One document of a batch, a run of its own: goods, where they are waited for, then approval and booking."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from invoicing.approval import names
from invoicing.records.base import ApprovalId, BatchId
from invoicing.records.batch_approvals_steps import (
    BATCH_DOCUMENT,
    BOOK_PACK,
    NOTE_SETTLED,
    DocumentJob,
    PackJob,
    SettledDocument,
    Settlement,
)
from invoicing.records.goods_steps import (
    ROUTE_DOCUMENT,
    WITHDRAW_BILLING,
    DocumentRouteJob,
    GoodsJob,
    goods_instance,
)
from invoicing.records.invoice_steps import (
    RELEASE_CLAIM,
    WITHDRAW_PAYABLE,
    InvoiceProgress,
    InvoiceResult,
    Phase,
    WithdrawJob,
)
from invoicing.records.problem import Problem
from invoicing.records.route import late_pack
from orchestrators.goods_receipt import await_goods
from orchestrators.retry import ActivityGaveUp
from orchestrators.routing import routed
from orchestrators.settling import CompensationOutcome, Compensations, Settling, compensated, failed, settle
from orchestrators.steps import call, input_of

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context")
def batch_document(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """One document of a batch: approval and booking; its claim is given back where it is not booked.

    Never raises. Its last step lets the batch know that it is settled.
    """
    document = _Document(context, input_of(context, BATCH_DOCUMENT))
    try:
        result = yield from document.run()
    except ActivityGaveUp as failure:
        result = failed(str(failure))
    result = yield from document.end(result)
    return BATCH_DOCUMENT.written_output(result)


class _Document:
    """The steps of one document and the compensation that each of them leaves."""

    def __init__(self, context: df.DurableOrchestrationContext, job: DocumentJob) -> None:
        self._context = context
        self._job = job
        self._approval = job.approval
        self._compensations = Compensations(context)
        self._compensations.note("claim", RELEASE_CLAIM, job.ref)

    def run(self) -> Settling:
        """All steps in order, as far as they go."""
        if self._job.goods is not None:
            return (yield from self._after_goods(self._job.goods))
        return (yield from self._settle(self._job.approval))

    def end(self, result: InvoiceResult) -> Settling:
        """Compensate what was done, unless the document was booked, and let the batch know."""
        outcome = CompensationOutcome()
        if result.status != "booked":
            outcome = yield from self._compensations.run()
        yield from self._note_settled(result.status)
        return compensated(result, outcome)

    def _after_goods(self, key: str) -> Settling:
        self._show("goods")
        self._compensations.note("goods", WITHDRAW_BILLING, self._job.ref)
        goods = GoodsJob(ref=self._job.ref, key=key)
        yield from await_goods(self._context, goods, goods_instance(self._context.instance_id))

        self._show("routing")
        job = DocumentRouteJob(ref=self._job.ref, now=self._context.current_utc_datetime)
        route = yield from routed(self._context, ROUTE_DOCUMENT, job)
        if route.outcome != "ok":
            return InvoiceResult(status="failed", error=route.error)
        self._approval = route.approval
        if route.approval is None:
            return (yield from self._book_alone())
        return (yield from self._settle(route.approval))

    def _settle(self, approval: ApprovalId | None) -> Settling:
        return (yield from settle(self._context, self._job.ref, approval, self._compensations, self._show))

    def _book_alone(self) -> Settling:
        """Book a document that nobody has to approve: it lies in a pack of its own."""
        self._show("booking")
        document = names.parse_reference(self._job.ref)
        pack = late_pack(document.n or 0)
        now = self._context.current_utc_datetime
        withdrawal = WithdrawJob(ref=self._job.ref, approval=None)
        self._compensations.note("payable", WITHDRAW_PAYABLE, withdrawal)
        job = PackJob(batch=BatchId(document.owner), pack=pack, now=now)
        booked = yield from call(self._context, BOOK_PACK, job)
        if booked.get("booked"):
            return InvoiceResult(status="booked", approval=None)
        error = Problem(code="payable_exists", message=f"There is another payable of {self._job.ref}.")
        return InvoiceResult(status="failed", error=error)

    def _note_settled(self, status: str) -> Generator[Any, Any, None]:
        """What cannot be noted holds nothing up: the batch goes on looking, and an operator sees the run."""
        settlement: Settlement = "failed"
        if status in ("booked", "rejected", "expired"):
            settlement = status
        try:
            document = SettledDocument(ref=self._job.ref, status=settlement)
            yield from call(self._context, NOTE_SETTLED, document)
        except ActivityGaveUp as failure:
            self._context.set_custom_status({"phase": "done", "error": str(failure)})

    def _show(self, phase: Phase) -> None:
        status = InvoiceProgress(phase=phase, approval=self._approval)
        self._context.set_custom_status(status.as_plain())

"""The last steps of an invoice, wherever it came from: approval and booking, or everything compensated.

What a step did stands in a list with its compensation; where a later step fails for good, the list is gone
through from its end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import azure.durable_functions as df

from invoicing.records.approval_steps import (
    APPROVAL,
    RECORD_COMPENSATION,
    ApprovalJob,
    ApprovalResult,
    CompensationJob,
)
from invoicing.records.base import ApprovalId, Person, Reference, Step
from invoicing.records.invoice_steps import (
    BOOK_PAYABLE,
    WITHDRAW_PAYABLE,
    BookJob,
    Compensated,
    InvoiceResult,
    Phase,
    WithdrawJob,
)
from invoicing.records.problem import Problem
from orchestrators.retry import ActivityGaveUp
from orchestrators.steps import call, call_child

Settling = Generator[Any, Any, InvoiceResult]
#: Called with the phase that begins, for the custom status.
Show = Callable[[Phase], None]


@dataclass(frozen=True)
class Compensation:
    """How a step is taken back: its name for people, and the activity that does it."""

    name: str
    step: Step[Any, Compensated]
    value: Any


@dataclass(frozen=True)
class CompensationOutcome:
    """Which steps were compensated, the last first, and those whose compensation failed."""

    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class Compensations:
    """What has been done so far, and how each of it is taken back."""

    def __init__(self, context: df.DurableOrchestrationContext) -> None:
        self._context = context
        self._noted: list[Compensation] = []

    def note(self, name: str, step: Step[Any, Compensated], value: Any) -> None:
        """Note a step before it is done: an attempt that failed may have done it all the same."""
        self._noted.append(Compensation(name, step, value))

    def run(self) -> Generator[Any, Any, CompensationOutcome]:
        """Compensate all, the last first; never raises. One that fails does not keep the others from it."""
        done: list[str] = []
        failed: list[str] = []
        while self._noted:
            compensation = self._noted.pop()
            try:
                answer = yield from call(self._context, compensation.step, compensation.value)
            except ActivityGaveUp:
                failed.append(compensation.name)
                continue
            if answer.done:
                done.append(compensation.name)
        return CompensationOutcome(tuple(done), tuple(failed))


def settle(
    context: df.DurableOrchestrationContext,
    reference: Reference,
    approval: ApprovalId | None,
    compensations: Compensations,
    show: Show,
) -> Settling:
    """Get the approval, where one is needed, and book the invoice.

    Returns booked, rejected, expired or failed; where it is not booked, the caller compensates. Raises
    ActivityGaveUp.
    """
    result = InvoiceResult(status="booked", approval=approval)
    if approval is not None:
        show("approval")
        decided = yield from _decided(context, approval)
        result = _approved_or_not(approval, decided)
        if result.status != "booked":
            return result
        compensation = CompensationJob(
            approval=approval,
            at=context.current_utc_datetime,
            reason="the invoice could not be booked",
        )
        compensations.note("approval", RECORD_COMPENSATION, compensation)

    show("booking")
    withdrawal = WithdrawJob(ref=reference, approval=approval)
    compensations.note("payable", WITHDRAW_PAYABLE, withdrawal)
    job = BookJob(ref=reference, approval=approval, now=context.current_utc_datetime)
    booked = yield from call(context, BOOK_PAYABLE, job)
    if booked.outcome == "ok":
        return result
    changes = {"status": "failed", "error": booked.error}
    return result.model_copy(update=changes)


def failed(reason: str) -> InvoiceResult:
    """The answer where a step gave up."""
    return InvoiceResult(status="failed", error=Problem(code="step_failed", message=reason))


def compensated(result: InvoiceResult, outcome: CompensationOutcome) -> InvoiceResult:
    """The result with what was compensated."""
    changes: dict[str, tuple[str, ...]] = {"undone": outcome.done}
    if outcome.failed:
        changes["not_undone"] = outcome.failed
    return result.model_copy(update=changes)


def _decided(
    context: df.DurableOrchestrationContext, approval: ApprovalId
) -> Generator[Any, Any, ApprovalResult]:
    try:
        return (yield from call_child(context, APPROVAL, ApprovalJob(approval=approval), approval))
    except ActivityGaveUp as failure:
        error = Problem(code="approval_failed", message=str(failure))
        return ApprovalResult(outcome="failed", error=error)


def _approved_or_not(approval: ApprovalId, decided: ApprovalResult) -> InvoiceResult:
    """What comes of an approval: `booked` is still to be done."""
    by = Person(decided.by) if decided.by else None
    if decided.outcome == "approved":
        return InvoiceResult(status="booked", approval=approval, by=by)
    result = InvoiceResult(status=decided.outcome, approval=approval, stage=decided.stage, by=by)
    return result if decided.error is None else result.model_copy(update={"error": decided.error})

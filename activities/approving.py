"""The steps of an approval. Each tells people what the ledger has got since the step before."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records import approval_steps as steps
from invoicing.records.approval_steps import (
    AlarmJob,
    ApprovalResult,
    CloseJob,
    CompensationJob,
    Opened,
    OpenJob,
    StageJob,
    StageNow,
)
from invoicing.records.invoice_steps import Compensated
from usecases import run_approval

bp = df.Blueprint()


@activity(bp, steps.OPEN_APPROVAL)
def open_approval(job: OpenJob) -> Opened:
    """Begin the ledger and open the first stage."""
    return run_approval.open_approval(services.current(), job)


@activity(bp, steps.OPEN_STAGE)
def open_stage(job: StageJob) -> StageNow:
    """Open the next stage."""
    return run_approval.open_stage(services.current(), job)


@activity(bp, steps.TAKE_IN_DECISIONS)
def take_in_decisions(job: StageJob) -> StageNow:
    """Bring the inbox up to what people decided, and have told whom it concerns."""
    return run_approval.take_in_decisions(services.current(), job)


@activity(bp, steps.RECORD_ALARM)
def record_alarm(job: AlarmJob) -> StageNow:
    """Enter a reminder, an escalation or the end of a stage's time, unless a decision came first."""
    return run_approval.record_alarm(services.current(), job)


@activity(bp, steps.CLOSE_APPROVAL)
def close_approval(job: CloseJob) -> ApprovalResult:
    """End the ledger, and take the approval out of the inbox."""
    return run_approval.close_approval(services.current(), job)


@activity(bp, steps.RECORD_COMPENSATION)
def record_compensation(job: CompensationJob) -> Compensated:
    """Enter that nothing came of what was approved."""
    return run_approval.record_compensation(services.current(), job)

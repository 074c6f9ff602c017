"""Hand a batch over to approval: start it apart, open its documents, and count what is settled."""

from __future__ import annotations

import azure.durable_functions as df

from activities.registering import activity
from adapters import services
from invoicing.records.batch_approvals_steps import (
    COUNT_SETTLED,
    NOTE_SETTLED,
    OPEN_DOCUMENTS,
    START_APPROVALS,
    ApprovalsStarted,
    BatchApprovalsJob,
    DocumentWindowJob,
    Noted,
    SettledCounts,
    SettledDocument,
    WindowOpened,
)
from usecases import hand_over_batch

bp = df.Blueprint()


@activity(bp, START_APPROVALS)
def start_approvals(job: BatchApprovalsJob) -> ApprovalsStarted:
    """Have the approvals of a batch started apart from it."""
    instance = hand_over_batch.start_approvals(services.current(), job)
    return ApprovalsStarted(started=instance)


@activity(bp, OPEN_DOCUMENTS)
def open_documents(job: DocumentWindowJob) -> WindowOpened:
    """Have the documents of one window started, each a run of its own."""
    opened = hand_over_batch.open_documents(services.current(), job.batch, job.window)
    return WindowOpened(opened=opened)


@activity(bp, NOTE_SETTLED)
def note_settled(document: SettledDocument) -> Noted:
    """Note that a document of a batch needs nobody any more."""
    hand_over_batch.note_settled(services.current(), document.ref, document.status)
    return Noted()


@activity(bp, COUNT_SETTLED)
def count_settled(batch: str) -> SettledCounts:
    """How many documents are settled, by what became of them."""
    return hand_over_batch.count_settled(services.current(), batch)

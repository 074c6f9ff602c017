"""What became of an invoice that came alone."""

from __future__ import annotations

import asyncio
from typing import cast, get_args

import azure.durable_functions as df

from invoicing.approval import names
from invoicing.records.answers.invoices import InvoiceState, InvoiceStatus
from invoicing.records.document import DocumentRow
from invoicing.records.invoice import InvoiceRecord
from stores.blobs import BlobMissing, Blobs
from stores.invoices import InvoiceStore
from usecases.archived import refuse_purged
from usecases.batch_status import phase_of
from usecases.problems import problem_of
from usecases.refusals import Unknown
from usecases.run_status import RunStatus, status_of


def read_invoice(blobs: Blobs, invoice: str) -> InvoiceRecord:
    """What was written down when an invoice was taken in. Raises Unknown, Gone and RecordDamaged."""
    unknown = Unknown("unknown_invoice", "There is no invoice of this id.")
    if not names.is_invoice_id(invoice):
        raise unknown
    try:
        return InvoiceStore(blobs).record(invoice)
    except BlobMissing as error:
        refuse_purged(blobs, invoice)
        raise unknown from error


async def invoice_status(client: df.DurableOrchestrationClient, blobs: Blobs, invoice: str) -> InvoiceStatus:
    """What became of an invoice. Raises Unknown and RecordDamaged."""
    record = await asyncio.to_thread(read_invoice, blobs, invoice)
    # First the run, then the row: read the other way round, an end could be told without its findings.
    run = await status_of(client, blobs, invoice)
    store = InvoiceStore(blobs)
    row = await asyncio.to_thread(store.row, invoice)
    status = status_from(record, run, row)
    withdrawn = await asyncio.to_thread(store.withdrawn, invoice) if status.status == "stopped" else None
    if withdrawn is None:
        return status
    changes = {"status": "withdrawn", "phase": "withdrawn", "by": withdrawn.who, "why": withdrawn.why}
    return status.model_copy(update=changes)


# ---------------------------------------------------------------- what a run says


def status_from(record: InvoiceRecord, run: RunStatus, row: DocumentRow | None) -> InvoiceStatus:
    """The status of an invoice: what was written down, what its run says, and the result of the check."""
    state = invoice_state(run.state)
    has_problem = state == "failed" or bool(run.output.get("error"))
    return InvoiceStatus(
        id=record.id,
        status=state,
        phase=phase_of(run),
        created=record.created,
        name=record.name,
        size=record.size,
        sha256=record.sha256,
        sender=record.sender,
        approval=_text(run.output.get("approval") or run.progress.get("approval")),
        stage=_text(run.output.get("stage")),
        by=_text(run.output.get("by")),
        holder=_text(run.output.get("holder")),
        undone=_texts(run.output.get("undone")),
        not_undone=_texts(run.output.get("not_undone")),
        invoice=row.invoice if row else None,
        findings=row.findings if row else (),
        checked=row.checked if row else (),
        fully_checked=row is not None and row.fully_checked,
        error=problem_of(run, "The invoice could not be processed; the log has the details.")
        if has_problem
        else None,
    )


def invoice_state(word: str) -> InvoiceState:
    """The state that a word of a run says; one that is not ours is an end like any other."""
    return cast(InvoiceState, word) if word in get_args(InvoiceState) else "completed"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(text for text in cast(list[object], value) if isinstance(text, str))

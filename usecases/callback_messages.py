"""What a callback says: how a batch, an invoice or an approval ended, and where to ask for more."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import azure.durable_functions as df

from adapters.services import Services
from invoicing.records.answers.api_calls import ENDED as CALLS_ENDED
from invoicing.records.answers.callbacks import (
    ApprovalEnded,
    ApprovalResult,
    BatchEnded,
    CallsEnded,
    CallsResult,
    Ended,
    InvoiceEnded,
)
from invoicing.records.base import Record
from invoicing.records.callbacks import CallbackKind, Subscription
from stores.ledgers import ApprovalMissing
from usecases.approval_view import ApprovalView, read_approval
from usecases.batch_status import batch_status
from usecases.calls_status import CallsSeen, calls_status
from usecases.invoice_status import invoice_status
from usecases.refusals import Unknown

#: Bytes of a message. What is more is left out, and can be asked for: a receiver has limits, too.
LARGEST = 48 * 1024

COLLECTIONS: dict[CallbackKind, str] = {
    "batch": "batches",
    "invoice": "invoices",
    "approval": "approvals",
    "calls": "calls",
}
_MESSAGES: dict[CallbackKind, type[Ended]] = {
    "batch": BatchEnded,
    "invoice": InvoiceEnded,
    "approval": ApprovalEnded,
    "calls": CallsEnded,
}


@dataclass(frozen=True)
class End:
    """How something ended; `data`: what the API says of it, without links."""

    status: str
    data: Record


async def end_of(
    services: Services, client: df.DurableOrchestrationClient, kind: CallbackKind, target: str
) -> End | None:
    """How something ended; None while it runs. Raises Unknown where it is not there any more."""
    if kind == "batch":
        batch = (await batch_status(client, services.blobs, target)).status
        return End(batch.status, batch) if batch.has_ended else None
    if kind == "invoice":
        invoice = await invoice_status(client, services.blobs, target)
        return End(invoice.status, invoice) if invoice.has_ended else None
    if kind == "calls":
        calls = await calls_status(client, services.blobs, target)
        return End(calls.state, _calls_result(calls)) if calls.state in CALLS_ENDED else None
    result = await asyncio.to_thread(approval_result, services, target)
    return End(result.status, result) if result.status != "open" else None


def approval_result(services: Services, approval: str) -> ApprovalResult:
    """How an approval stands or ended. Raises Unknown."""
    try:
        view = read_approval(services.blobs, approval, services.clock())
    except ApprovalMissing as error:
        raise Unknown("unknown_approval", "There is no approval of this id.") from error
    return _result(view)


def _result(view: ApprovalView) -> ApprovalResult:
    """It has ended when its ledger is closed: until then the workflow has not taken in the last decision."""
    deciding = [entry for entry in view.entries if entry.kind in ("approve", "reject", "expiry")]
    last = deciding[-1] if deciding else None
    stage = view.open_stage.name if view.open_stage else (last.stage if last else None)
    return ApprovalResult(
        approval=view.approval,
        ref=view.request.ref,
        status=(view.outcome or "failed") if view.closed else "open",
        created=view.request.created,
        stage=stage,
        waiting_for=view.waiting_for,
        by=last.who if last else None,
        comment=last.comment if last else "",
        invoice=view.request.row.invoice,
    )


def _calls_result(seen: CallsSeen) -> CallsResult:
    return CallsResult(
        id=seen.record.calls,
        status=seen.state,
        done=sum(seen.counts.values()),
        total=seen.record.total,
        counts=dict[str, int](seen.counts.items()),
        created=seen.record.created,
        deadline=seen.record.deadline,
        error=seen.error,
    )


def message_of(services: Services, subscription: Subscription, end: End) -> bytes:
    """The body of a callback, without what is too large. The same message is made once, then kept."""
    base = services.settings.access.public_url
    here = f"{base}/api/{COLLECTIONS[subscription.kind]}/{subscription.target}"
    about = {
        "id": subscription.message,
        "subscription": subscription.id,
        "target": subscription.target,
        "timestamp": services.clock(),
        "status": end.status,
        "links": {"self": here, "subscription": f"{base}/api/subscriptions/{subscription.id}"},
    }
    whole = _message(subscription, {**about, "data": end.data}).as_json()
    return whole if len(whole) <= LARGEST else _message(subscription, {**about, "data": None}).as_json()


def _message(subscription: Subscription, fields: dict[str, object]) -> Ended:
    return _MESSAGES[subscription.kind].model_validate(fields)

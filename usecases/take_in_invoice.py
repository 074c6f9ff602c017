"""Taking in one invoice: it is stored, and its workflow is started, unless an equal request did so before."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass

import azure.durable_functions as df

from adapters import policies
from adapters.services import Services
from invoicing.records.answers.invoices import RESTARTED_FROM
from invoicing.records.base import InvoiceId, Person
from invoicing.records.invoice import InvoiceRecord
from invoicing.records.invoice_steps import PROCESS_INVOICE, InvoiceJob
from invoicing.records.supervision import OpenWork
from stores.invoices import InvoiceStore
from usecases.invoice_status import read_invoice
from usecases.standing import tell_of_end
from usecases.start_or_find import Intake, TakenIn, start_or_find
from usecases.subscribe import subscribe


@dataclass(frozen=True)
class NewInvoice:
    """An invoice that somebody sends in.

    `fingerprint` tells whether the same key came with something else. `callback_url`: who is told of the end;
    it was checked.
    """

    invoice: str
    fingerprint: str
    name: str
    content: bytes
    sha256: str
    callback_url: str | None = None


async def take_in_invoice(
    services: Services, client: df.DurableOrchestrationClient, new: NewInvoice, sender: str | None
) -> TakenIn[InvoiceRecord]:
    """Take in an invoice that `sender` sent. One of which nothing came is started again.

    Raises PolicyInvalid and RulesMissing: better no invoice than one that nobody can be asked about, or that
    no worker can check. Raises NotAsAsked where the key was used for another document.
    """
    await asyncio.to_thread(policies.load, services.settings)
    await asyncio.to_thread(lambda: services.checker)

    store = InvoiceStore(services.blobs)
    record = InvoiceRecord(
        id=InvoiceId(new.invoice),
        created=services.clock(),
        name=new.name,
        size=len(new.content),
        sha256=new.sha256,
        sender=Person(sender) if sender else None,
        fingerprint=new.fingerprint,
    )

    def prepare(kept: InvoiceRecord) -> None:
        store.put_document(kept.id, new.content)
        tell_of_end(services, "invoice", new.invoice, new.callback_url)

    taken = await start_or_find(
        client,
        services.blobs,
        Intake(
            record=record,
            create=lambda: store.create(record),
            read=lambda: read_invoice(services.blobs, new.invoice),
            prepare=prepare,
            work=_work_of(new.invoice),
            restarted_from=RESTARTED_FROM,
            reused="This Idempotency-Key was used for another document. Use a new key for a new invoice.",
        ),
    )
    # For one that was found, too. The addresses of all ends were subscribed when it began.
    runs = taken.state in ("running", "missing")
    if new.callback_url is not None:
        await asyncio.to_thread(subscribe, services, "invoice", new.invoice, new.callback_url, runs=runs)
    return taken


def _work_of(invoice: str) -> OpenWork:
    """What the run that begins now stands for."""
    job = InvoiceJob(invoice=InvoiceId(invoice), run=uuid.uuid4().hex)
    value = PROCESS_INVOICE.written_input(job)
    return OpenWork(instance=invoice, orchestrator=PROCESS_INVOICE.name, input=value)

"""An invoice that was sent in by mistake is withdrawn: nothing more comes of it, and what it held is free.

Who withdraws it, and why, is written down first; then its run is ended, its approval closed in the ledger
with the reason, and its number given back. An invoice that is booked stays booked.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import azure.durable_functions as df

from adapters.services import Services
from invoicing import texts
from invoicing.records.invoice import InvoiceWithdrawn
from stores.invoices import InvoiceStore
from usecases.end_run import close_run
from usecases.invoice_status import read_invoice
from usecases.refusals import Misunderstood, NotNow
from usecases.run_status import status_of

#: Characters of who withdraws, and of the reason: both stand in the reason of the run's end.
LONGEST_WHO, LONGEST_WHY = 254, 200

#: What is not over, or came to nothing and holds nothing.
_OPEN = frozenset({"running", "missing"})


async def withdraw_invoice(
    services: Services,
    client: df.DurableOrchestrationClient,
    invoice: str,
    who: str,
    why: str,
    now: datetime,
) -> InvoiceWithdrawn:
    """Withdraw an invoice; repeating it changes nothing.

    Raises Misunderstood (who_missing, why_missing, bad_text), Unknown, Gone, and NotNow where it is booked,
    has ended in another way, or does not end just now.
    """
    _check(who, why)
    await asyncio.to_thread(read_invoice, services.blobs, invoice)
    store = InvoiceStore(services.blobs)
    run = await status_of(client, services.blobs, invoice)
    before = await asyncio.to_thread(store.withdrawn, invoice)
    if before is not None and run.state == "stopped":
        return before
    if run.state == "booked":
        raise NotNow("booked", "The invoice is booked already: ask for a credit note.")
    if run.state not in _OPEN:
        raise NotNow("invoice_ended", f"The invoice has ended already: it is {run.state}.")

    said = InvoiceWithdrawn(who=who, why=why, at=now)
    await asyncio.to_thread(store.note_withdrawn, invoice, said)
    try:
        await close_run(services, client, invoice, f"Withdrawn by {who}: {why}", now)
    except NotNow as error:
        if error.code == "booked":  # before its run had ended: then it was not withdrawn
            await asyncio.to_thread(store.forget_withdrawn, invoice)
        raise
    return said


def _check(who: str, why: str) -> None:
    if not who:
        raise Misunderstood("who_missing", "Say who withdraws the invoice: `who`, or sign in.")
    if not why:
        raise Misunderstood("why_missing", "Say why the invoice is withdrawn: `why`.")
    for name, text, longest in (("who", who, LONGEST_WHO), ("why", why, LONGEST_WHY)):
        if wrong := texts.fault(text, longest):
            raise Misunderstood("bad_text", f"{name} {wrong}.")

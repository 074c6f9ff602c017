"""Compare an invoice with its order and with what was received by now. Each step may be done twice.

What was received is read from the storage, and nothing that an event said: so the order in which signals
come, lost events and doubled signals do not matter. Each receipt that is seen is kept with the order, since
signals are not kept for ever.
"""

from __future__ import annotations

from datetime import datetime

from adapters import policies
from adapters.checking.supervisor import CheckerUnavailable
from adapters.services import Services
from invoicing.approval import names
from invoicing.matching.billing import billed_invoice
from invoicing.matching.match import ended_late, match
from invoicing.matching.tolerances import GoodsPolicy
from invoicing.orders import possible_ids
from invoicing.records.base import Reference
from invoicing.records.document import DocumentRow, InvoiceSummary
from invoicing.records.goods import (
    Ending,
    GoodsMatch,
    GoodsState,
)
from invoicing.records.goods_steps import GoodsLook, GoodsNow
from invoicing.records.order import Order
from stores import goods
from stores.batch_sources import read_document
from stores.batches import BatchStore
from stores.blobs import Blobs
from stores.invoices import InvoiceStore
from stores.orders import Billing, OrderFull, OrderStore, earlier
from stores.routes import RouteStore
from usecases.find_route import NotRouted
from usecases.receipts import receipts_of
from usecases.remind_of_goods import remind
from usecases.take_in_order import order_of_invoice
from usecases.wake_invoices import note_change


def look_at_goods(services: Services, look: GoodsLook) -> GoodsNow:
    """How an invoice stands, and what is due: a reminder, or the end of its time.

    Raises PolicyInvalid, NotRouted, and CheckerUnavailable where its lines cannot be read just now.
    """
    policy = policies.load(services.settings).goods
    before = goods.state_of(services.blobs, look.ref)
    if before is not None and (before.run != look.run or before.withdrawn):
        before = None  # an earlier run of it
    if before is not None and before.ended is not None:
        goods.keep(services.blobs, before)  # an earlier attempt may have died in the middle of it
        return _now(before, before.until)
    if policy is None:
        return GoodsNow(ended="matched", next=look.at, until=look.at)  # nobody wants it compared any more

    row = _row_of(services.blobs, look.ref)
    state = before or _begun(look, row, policy)
    looked = _looked(services, policy, row, state, look.at)
    reminded = _reminded(services, policy, looked, look.at)
    goods.keep(services.blobs, reminded)
    return _now(reminded, _next(policy, reminded))


def withdraw_billing(services: Services, reference: Reference) -> bool:
    """Nothing came of an invoice: what it bills of its order counts no more. Says whether there was some."""
    state = goods.state_of(services.blobs, reference)
    if state is None:
        return False
    goods.keep(services.blobs, state.model_copy(update={"withdrawn": True, "ended": state.ended or "late"}))
    if state.order is None or not OrderStore(services.blobs).withdraw(state.order, reference):
        return False
    note_change(services, state.order, state.number, f"withdrawn-{reference}", f"{reference} bills no more.")
    return True


# ---------------------------------------------------------------- one look


def _begun(look: GoodsLook, row: DocumentRow, policy: GoodsPolicy) -> GoodsState:
    invoice = row.invoice or InvoiceSummary()
    return GoodsState(
        ref=look.ref,
        run=look.run,
        order=None,
        number=invoice.order_reference or "",
        invoice=invoice.number,
        supplier=invoice.seller,
        since=look.at,
        until=look.at + policy.wait,
        at=look.at,
    )


def _looked(
    services: Services, policy: GoodsPolicy, row: DocumentRow, state: GoodsState, at: datetime
) -> GoodsState:
    order = order_of_invoice(services.blobs, possible_ids(row.invoice or InvoiceSummary()))
    is_over = at >= state.until
    if order is None:
        return state.model_copy(update={"ended": "unknown" if is_over else None, "at": at})

    billings = _billed(services, row, state, order, at)
    own = next(one.invoice for one in billings if one.invoice.ref == state.ref and not one.withdrawn)
    found = match(order, receipts_of(services.blobs, order), earlier(billings, state.ref), own, policy)
    ended = _ending(found, is_over)
    changes = {
        "order": order.id,
        "number": order.order.number,
        "match": ended_late(found) if ended == "late" else found,
        "ended": ended,
        "at": at,
    }
    return state.model_copy(update=changes)


def _ending(found: GoodsMatch, is_over: bool) -> Ending | None:
    if found.verdict == "waiting":
        return "late" if is_over else None
    return found.verdict


def _billed(
    services: Services, row: DocumentRow, state: GoodsState, order: Order, at: datetime
) -> list[Billing]:
    """The invoices of the order, this one among them: it is noted with its lines the first time."""
    store = OrderStore(services.blobs)
    there = store.billings(order.id)
    if any(one.invoice.ref == state.ref and not one.withdrawn for one in there):
        return there
    name, content = _document_of(services.blobs, state.ref, row)
    invoice = services.reader.read(name, content)
    if invoice is None:
        raise CheckerUnavailable(f"the lines of {state.ref} could not be read from its document")
    try:
        store.bill(billed_invoice(invoice, state.ref, order.id, at))
    except OrderFull as error:
        raise TooManyInvoices(f"order {order.id} has more invoices than can be compared") from error
    return store.billings(order.id)


class TooManyInvoices(Exception):
    """There is no room for one more invoice of an order."""


def _row_of(blobs: Blobs, reference: Reference) -> DocumentRow:
    place = names.parse_reference(reference)
    if place.n is None:
        row = InvoiceStore(blobs).row(place.owner)
    else:
        awaited = RouteStore(blobs, place.owner).awaited(place.n)
        row = awaited.row if awaited else None
    if row is None:
        raise NotRouted(f"{reference} does not wait for goods")
    return row


def _document_of(blobs: Blobs, reference: Reference, row: DocumentRow) -> tuple[str, bytes]:
    place = names.parse_reference(reference)
    if place.n is None:
        return row.name, InvoiceStore(blobs).document(place.owner)
    manifest = BatchStore(blobs).manifest(place.owner)
    found = read_document(blobs, place.owner, manifest, place.n)
    if found is None:
        raise NotRouted(f"{reference} is not there")
    return found.name, found.content


# ---------------------------------------------------------------- reminders, and what is due next


def _reminded(services: Services, policy: GoodsPolicy, state: GoodsState, at: datetime) -> GoodsState:
    due = policy.reminders_due(at - state.since)
    if state.ended is not None or due <= state.reminders:
        return state
    error = remind(services, policy, state, due)
    changes = {"reminders": due, "told": state.told + (error is None), "remind_error": error}
    return state.model_copy(update=changes)


def _next(policy: GoodsPolicy, state: GoodsState) -> datetime:
    after = policy.next_reminder(state.reminders)
    return state.until if after is None else min(state.until, state.since + after)


def _now(state: GoodsState, following: datetime) -> GoodsNow:
    billed = [line for line in state.match.lines if line.state != "not_billed"] if state.match else []
    return GoodsNow(
        ended=state.ended,
        next=following,
        until=state.until,
        receipts=state.match.receipts if state.match else 0,
        lines=sum(line.state == "matched" for line in billed),
        of=len(billed),
        reminders=state.reminders,
    )

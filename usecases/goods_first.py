"""Whether an invoice waits for its goods before the policy's rules are applied, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from invoicing.approval.policy import Policy
from invoicing.document_types import is_credit_note
from invoicing.findings import Finding
from invoicing.matching import told
from invoicing.matching.tolerances import GoodsPolicy
from invoicing.orders import possible_ids, seller_marks
from invoicing.records.base import Reference
from invoicing.records.document import DocumentRow, InvoiceSummary
from invoicing.records.goods import GoodsMatch, GoodsState
from invoicing.signals.errors import SignalInvalid
from invoicing.signals.keys import normal_key
from stores import goods
from stores.blobs import Blobs
from stores.orders import OrderStore
from usecases.take_in_order import order_of_invoice


@dataclass(frozen=True)
class GoodsFirst:
    """`key`: of the signals to wait for; None: the rules are to be applied now, to `row`, with `match`."""

    key: str | None
    row: DocumentRow
    match: GoodsMatch | None = None


def before_rules(
    blobs: Blobs, policy: Policy, reference: Reference, row: DocumentRow, run: str | None
) -> GoodsFirst:
    """What an invoice waits for, or what its waiting in this run has come to. Raises RecordDamaged.

    Who gives money back waits for nothing.
    """
    invoice = row.invoice or InvoiceSummary()
    number = invoice.order_reference
    if policy.goods is None or is_credit_note(invoice.type_code):
        return GoodsFirst(None, row)
    if not number:
        missing = _has_to_name_one(blobs, policy.goods, invoice)
        return GoodsFirst(None, _with(row, (told.order_missing(),)) if missing else row)
    state = goods.state_of(blobs, reference)
    if state is not None and state.run == run and state.ended is not None and not state.withdrawn:
        return GoodsFirst(None, _with(row, _findings(state)), state.match)

    order = order_of_invoice(blobs, possible_ids(invoice))
    if order is not None:
        return GoodsFirst(normal_key(order.order.number), row)
    if policy.goods.unknown_order == "ignore":
        return GoodsFirst(None, row)
    unknown = _with(row, (told.order_unknown(number),))
    if policy.goods.unknown_order == "go_on":
        return GoodsFirst(None, unknown)
    try:
        return GoodsFirst(normal_key(number), row)
    except SignalInvalid:
        return GoodsFirst(None, unknown)  # nobody could signal of an order of this number


def _has_to_name_one(blobs: Blobs, policy: GoodsPolicy, invoice: InvoiceSummary) -> bool:
    if policy.order_required == "where_ordered":
        return OrderStore(blobs).has_of(seller_marks(invoice))
    return policy.order_required == "always"


def _findings(state: GoodsState) -> tuple[Finding, ...]:
    if state.ended == "unknown":
        return (told.order_unknown(state.number),)
    return told.findings(state.match) if state.match is not None else ()


def _with(row: DocumentRow, found: tuple[Finding, ...]) -> DocumentRow:
    return row.model_copy(update={"findings": (*row.findings, *found)}) if found else row

"""Book one invoice: an approved one becomes a payable, once, and never over another one; and the way back."""

from __future__ import annotations

from datetime import datetime

from adapters.services import Services
from adapters.setting_values import SettingError
from invoicing.approval import names
from invoicing.approval.audit import standing
from invoicing.approval.ledger import Draft, Entry, Flaw
from invoicing.approval.payables import NotApproved, approved_payable, free_payable
from invoicing.approval.suppliers import approved_accounts
from invoicing.records.base import ApprovalId, Reference
from invoicing.records.invoice_steps import Booked
from invoicing.records.ledger import EntryDetail
from invoicing.records.payable import Payable
from invoicing.records.problem import Problem
from invoicing.records.route import late_pack
from stores.invoices import InvoiceStore
from stores.ledgers import Chain, Ledger, bookings
from stores.payables import PayableStore
from stores.records import RecordDamaged
from stores.suppliers import SupplierStore
from usecases.book_payables import Make, book_payables
from usecases.find_route import NotRouted, route_of


def book_invoice(
    services: Services, reference: Reference, approval: ApprovalId | None, now: datetime
) -> Booked:
    """Book one invoice, after its ledger was proved and asked whether everybody agreed whom the policy names.

    `approval`: the one that its run saw through; the stored route may have been changed since. Bad with the
    codes not_approved, ledger_flawed and payable_exists. Repeating it changes nothing. Raises SettingError
    where a key is missing, and NotRouted.
    """
    route = route_of(services.blobs, reference)
    if route.approval != approval:
        return _bad("not_approved", f"The route of {reference} is another one than its run followed.")
    if approval is None:
        return _book_free(services, reference, route.rule, now)
    return _book_approved(services, reference, approval, now)


def withdraw_payable(services: Services, reference: Reference, approval: ApprovalId | None) -> bool:
    """Take back what a booking may have written before it gave up; says whether there was something of ours.

    The ledger of what is booked without a person is told here; that of an approval by its own step.
    """
    store = PayableStore(services.blobs)
    is_ours = _is_booked_for(store, reference, approval)
    if is_ours:
        store.remove(reference)
    if approval is None:
        chain = bookings(services.blobs, _unit_of(reference))
        chain.read_on()
        now = services.clock()
        chain.append(lambda entries: _compensation(entries, now), services.ledger_keys)
    return is_ours


def _unit_of(reference: Reference) -> str:
    """What an invoice is booked in that has a run of its own and needs nobody: of a batch, its late pack."""
    place = names.parse_reference(reference)
    return reference if place.n is None else names.booking_unit(place.owner, late_pack(place.n))


def _is_booked_for(store: PayableStore, reference: Reference, approval: ApprovalId | None) -> bool:
    try:
        payable = store.payable(reference)
    except RecordDamaged:
        return False  # whatever it is, no booking wrote it
    return payable is not None and payable.approval == approval


# ---------------------------------------------------------------- one invoice


def _book_free(services: Services, reference: Reference, rule: str, now: datetime) -> Booked:
    """Book what nobody has to approve: an invoice that came alone."""
    row = InvoiceStore(services.blobs).row(reference)
    if row is None:
        raise NotRouted(f"{reference} has no result")

    def payables(_: list[Entry], at: datetime) -> list[Payable]:
        return [free_payable(reference, row, rule, at)]

    return _book(services, bookings(services.blobs, reference), reference, now, payables)


def _book_approved(services: Services, reference: Reference, approval: ApprovalId, now: datetime) -> Booked:
    """Book what people have approved, if their ledger is whole and says so."""
    ledger = Ledger.read(services.blobs, approval)
    flaw = ledger.prove(services.ledger_keys).flaw
    if flaw is not None:
        return _flawed(approval, flaw)

    def payables(entries: list[Entry], at: datetime) -> list[Payable]:
        if ledger.request.ref != reference:
            raise NotApproved
        return [approved_payable(ledger.request, entries, at)]

    try:
        return _book(services, ledger, reference, now, payables)
    except NotApproved:
        return _bad("not_approved", f"{reference} is not approved: approval {approval} says otherwise.")


def _flawed(approval: ApprovalId, flaw: Flaw) -> Booked:
    """The answer where a ledger is not whole. Raises SettingError where a key is missing to tell."""
    if flaw.unknown_key is not None:
        raise SettingError(f"SETTLE_LEDGER_KEY lacks the key {flaw.unknown_key}: {flaw.text}. Add it again.")
    return _bad("ledger_flawed", f"The ledger of approval {approval} is not whole: {flaw.text}.")


def _book(services: Services, chain: Chain, reference: Reference, now: datetime, make: Make) -> Booked:
    booked = book_payables(services, chain, now, make)
    if not booked:
        text = f"There is another payable of {reference}; it was left as it is."
        return _bad("payable_exists", text)

    chain.read_on()
    if standing(chain.entries) is None:
        # This step was believed dead, and its invoice was compensated, while it was about to write.
        PayableStore(services.blobs).remove(reference)
        return _bad("not_approved", f"{reference} was undone before it could be booked.")

    for payable in booked:
        SupplierStore(services.blobs).keep(approved_accounts(payable))
    return Booked(outcome="ok")


def _compensation(entries: list[Entry], now: datetime) -> Draft | None:
    """The entry that takes back what an invoice's own ledger books."""
    if standing(entries) is None:
        return None
    reason = "the invoice could not be booked"
    return Draft(kind="undone", at=now.isoformat(), detail=EntryDetail(reason=reason))


def _bad(code: str, message: str) -> Booked:
    return Booked(outcome="bad", error=Problem(code=code, message=message))

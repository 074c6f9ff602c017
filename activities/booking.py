"""Book: an approved invoice becomes a payable, once, and never over another one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df

from activities.routed import route_of, routes_of, row_of, rows_of_documents
from activities.routing import PACK
from adapters import services
from adapters.services import Services
from adapters.setting_values import SettingError
from invoicing.approval import names
from invoicing.approval.audit import standing
from invoicing.approval.facts import supplier_key
from invoicing.approval.ledger import Draft, Entry
from invoicing.approval.stages import progress
from invoicing.approval.suppliers import approved_accounts
from invoicing.findings import PAYMENT_BLOCKERS
from invoicing.records.approval import ApprovalRequest
from stores import suppliers
from stores.blobs import BlobMissing
from stores.ledgers import Chain, Ledger, bookings
from stores.payables import book

bp = df.Blueprint()


@bp.activity_trigger(input_name="job")
def book_payable(job: dict) -> dict:
    """Book one invoice, after its ledger was proved and asked whether everybody agreed whom the policy names.

    Input: `{"ref", "now": ISO time}`. Output: `{"outcome": "ok"}`, or `{"outcome": "bad", "error"}` with the
    codes not_approved, ledger_flawed and payable_exists. Repeating it changes nothing. Raises SettingError
    where a key is missing, which is waited for.
    """
    here, ref = services.current(), job["ref"]
    route = route_of(here.blobs, ref)
    if route["approval"] is None:
        row = row_of(here.blobs, ref)
        chain = bookings(here.blobs, ref)
        return _book(here, chain, ref, job["now"], lambda _, at: _payable(ref, row, route, at))
    ledger = Ledger.read(here.blobs, route["approval"])
    flaw = ledger.prove(here.ledger_keys).flaw
    if flaw is not None and flaw.unknown_key is not None:
        raise SettingError(f"SETTLE_LEDGER_KEY lacks the key {flaw.unknown_key}: {flaw.text}. Add it again.")
    if flaw is not None:
        return _bad("ledger_flawed", f"The ledger of approval {route['approval']} is not whole: {flaw.text}.")
    if ledger.request.ref != ref:
        return _not_approved(ref, route)

    def payable(entries: list[Entry], at: str) -> dict[str, Any]:
        return _approved_payable(ledger.request, entries, route, at)

    try:
        return _book(here, ledger, ref, job["now"], payable)
    except _NotApproved:
        return _not_approved(ref, route)


@bp.activity_trigger(input_name="job")
def withdraw_payable(job: dict) -> dict:
    """Take back what `book_payable` may have written before it gave up.

    Input: `{"ref", "approval"}`. Output: `{"done": bool}`: false where there was nothing of ours. What was
    booked without a person has its ledger told here; an approval's is told by the step `record`.
    """
    here, name = services.current(), names.payable(job["ref"])
    try:
        payable = json.loads(here.blobs.read(name))
    except BlobMissing:
        payable = None
    is_ours = payable is not None and payable["approval"] == job["approval"]
    if is_ours:
        here.blobs.delete(name)
    if job["approval"] is None:
        chain = bookings(here.blobs, job["ref"])
        chain.read_on()
        chain.append(_undone_of, here.ledger_keys)
    return {"done": is_ours}


@bp.activity_trigger(input_name="job")
def book_batch(job: dict) -> dict:
    """Book one pack of a batch's documents that nobody has to approve.

    Input: `{"batch", "pack": number from 0, "now"}`. Output: `{"booked"?: n, "failed"?: n}`; one fails where
    another payable stands in its place. Repeating it changes nothing.
    """
    here, batch = services.current(), job["batch"]
    routes = routes_of(here.blobs, batch)
    free = [n for n, one in sorted(routes.items()) if one["outcome"] == "ok" and one["approval"] is None]
    pack = free[job["pack"] * PACK : (job["pack"] + 1) * PACK]
    rows = rows_of_documents(here.blobs, batch, set(pack))
    refs = {f"{batch}/{n}": n for n in pack}
    if not refs:
        return {}

    def payables(_: list[Entry], at: str) -> dict[str, bytes]:
        return {ref: _bytes(_payable(ref, rows[n], routes[n], at)) for ref, n in refs.items()}

    chain = bookings(here.blobs, names.booking_unit(batch, job["pack"]))
    kept = book(here.blobs, chain, here.ledger_keys, job["now"], payables)
    counts = {"booked": len(kept), "failed": len(refs) - len(kept)}
    return {outcome: count for outcome, count in counts.items() if count}


# ---------------------------------------------------------------- one invoice


def _book(
    here: Services, chain: Chain, ref: str, now: str, payable: Callable[[list[Entry], str], dict[str, Any]]
) -> dict[str, Any]:
    """Book one invoice; `payable` is made from the entries before and the time of the booking."""
    made: dict[str, Any] = {}

    def payables(entries: list[Entry], at: str) -> dict[str, bytes]:
        nonlocal made
        made = payable(entries, at)
        return {ref: _bytes(made)}

    if not book(here.blobs, chain, here.ledger_keys, now, payables):
        return _bad("payable_exists", f"There is another payable of {ref}; it was left as it is.")
    chain.read_on()
    if standing(chain.entries) is None:
        # This step was believed dead, and its invoice was undone, while it was about to write.
        here.blobs.delete(names.payable(ref))
        return _bad("not_approved", f"{ref} was undone before it could be booked.")
    suppliers.note(here.blobs, approved_accounts(made))
    return {"outcome": "ok"}


def _undone_of(entries: list[Entry]) -> Draft | None:
    """The entry that takes back what an invoice's own ledger books."""
    if standing(entries) is None:
        return None
    now = datetime.now(UTC).isoformat()
    return Draft(kind="undone", at=now, detail={"reason": "the invoice could not be booked"})


class _NotApproved(Exception):
    """The ledger does not say that the invoice is to be paid."""


def _approved_payable(
    request: ApprovalRequest, entries: list[Entry], route: dict[str, Any], at: str
) -> dict[str, Any]:
    """The payable of an approval, from what stood in its ledger before the booking. Raises _NotApproved."""
    state = progress(request.stages, entries)
    if state.outcome != "approved" or not state.closed or state.undone:
        raise _NotApproved
    decided = [one for one in entries if one.kind not in ("booked", "undone")]
    payable = _payable(request.ref, request.row.as_plain(), route, at)
    payable["approved_by"] = [one.who for one in decided if one.kind == "approve"]
    payable["ledger"] = {"entries": decided[-1].seq, "head": decided[-1].hash}
    return payable


# ---------------------------------------------------------------- payables


def _payable(ref: str, row: dict[str, Any], route: dict[str, Any], now: str) -> dict[str, Any]:
    return {
        "ref": ref,
        "booked": now,
        "approval": route["approval"],
        "rule": route["rule"],
        "approved_by": [],
        "document": {"name": row["name"], "sha256": row["sha256"]},
        "invoice": row["invoice"],
        "supplier": supplier_key(row),
        # A payment run leaves these out until a person has mended the account.
        "blocked_by": sorted({one["rule"] for one in row["findings"]} & PAYMENT_BLOCKERS),
    }


def _bytes(payable: dict[str, Any]) -> bytes:
    return json.dumps(payable, ensure_ascii=False, sort_keys=True).encode()


def _bad(code: str, message: str) -> dict[str, Any]:
    return {"outcome": "bad", "error": {"code": code, "message": message}}


def _not_approved(ref: str, route: dict[str, Any]) -> dict[str, Any]:
    return _bad("not_approved", f"{ref} is not approved: approval {route['approval']} says otherwise.")

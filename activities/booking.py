"""Book: an approved invoice becomes a payable, once, and never over another one."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import azure.durable_functions as df

from activities.routed import route_of, routes_of, row_of, rows_of_documents
from activities.routing import PACK
from adapters import services
from adapters.approvals import state_of
from adapters.blobs import BlobConflict, BlobMissing, Blobs
from adapters.ledgers import Ledger
from invoicing.approval import names
from invoicing.approval.facts import supplier_key
from invoicing.findings import PAYMENT_BLOCKERS

bp = df.Blueprint()

_WRITES_AT_ONCE = 8


@bp.activity_trigger(input_name="job")
def book_payable(job: dict) -> dict:
    """Book one invoice; the ledger is asked once more whether everybody agreed whom the policy names.

    Input: `{"ref", "now": ISO time}`. Output: `{"outcome": "ok"}`, or `{"outcome": "bad", "error"}` with the
    codes not_approved and payable_exists. Repeating it changes nothing.
    """
    blobs, ref = services.current().blobs, job["ref"]
    route = route_of(blobs, ref)
    if route["approval"] is None:
        return _book(blobs, _payable(ref, row_of(blobs, ref), route, job["now"]))
    ledger = Ledger.read(blobs, route["approval"])
    state = state_of(ledger)
    if state.outcome != "approved" or state.undone or ledger.request["ref"] != ref:
        return _bad("not_approved", f"{ref} is not approved: approval {route['approval']} says otherwise.")
    payable = _payable(ref, ledger.request["row"], route, job["now"])
    last = ledger.entries[-1]
    payable["approved_by"] = [one.who for one in ledger.entries if one.kind == "approve"]
    payable["ledger"] = {"entries": last.seq, "head": last.hash}
    return _book(blobs, payable)


@bp.activity_trigger(input_name="job")
def withdraw_payable(job: dict) -> dict:
    """Take back what `book_payable` may have written before it gave up.

    Input: `{"ref", "approval"}`. Output: `{"done": bool}`: false where there was nothing of ours.
    """
    blobs, name = services.current().blobs, names.payable(job["ref"])
    try:
        payable = json.loads(blobs.read(name))
    except BlobMissing:
        return {"done": False}
    if payable["approval"] != job["approval"]:
        return {"done": False}
    blobs.delete(name)
    return {"done": True}


@bp.activity_trigger(input_name="job")
def book_batch(job: dict) -> dict:
    """Book one pack of a batch's documents that nobody has to approve.

    Input: `{"batch", "pack": number from 0, "now"}`. Output: `{"booked"?: n, "failed"?: n}`; one fails where
    another payable stands in its place. Repeating it changes nothing.
    """
    blobs, batch = services.current().blobs, job["batch"]
    routes = routes_of(blobs, batch)
    free = [n for n, one in sorted(routes.items()) if one["outcome"] == "ok" and one["approval"] is None]
    pack = free[job["pack"] * PACK : (job["pack"] + 1) * PACK]
    rows = rows_of_documents(blobs, batch, set(pack))
    payables = [_payable(f"{batch}/{n}", rows[n], routes[n], job["now"]) for n in pack]
    with ThreadPoolExecutor(_WRITES_AT_ONCE) as pool:
        written = list(pool.map(lambda one: _write(blobs, one), payables))
    _mark_suppliers(blobs, (rows[n] for n in pack))
    counts = {"booked": sum(written), "failed": len(written) - sum(written)}
    return {outcome: count for outcome, count in counts.items() if count}


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


def _book(blobs: Blobs, payable: dict[str, Any]) -> dict[str, Any]:
    if not _write(blobs, payable):
        return _bad("payable_exists", f"There is another payable of {payable['ref']}; it was left as it is.")
    _mark_suppliers(blobs, [payable])
    return {"outcome": "ok"}


def _write(blobs: Blobs, payable: dict[str, Any]) -> bool:
    """Write a payable; False where another one is there. The same one again is no conflict."""
    name = names.payable(payable["ref"])
    try:
        blobs.create(name, json.dumps(payable, ensure_ascii=False, sort_keys=True).encode())
    except BlobConflict:
        there = json.loads(blobs.read(name))
        return all(there[key] == payable[key] for key in ("ref", "approval", "document"))
    return True


def _mark_suppliers(blobs: Blobs, things: Iterable[dict[str, Any]]) -> None:
    """Note that an invoice of these suppliers was booked; `things` are rows or payables."""
    for key in {supplier_key(one) for one in things} - {None}:
        if not blobs.exists(names.supplier(str(key))):
            with contextlib.suppress(BlobConflict):
                blobs.create(names.supplier(str(key)), b"")


def _bad(code: str, message: str) -> dict[str, Any]:
    return {"outcome": "bad", "error": {"code": code, "message": message}}

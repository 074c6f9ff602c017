"""Approvals written straight into blobs, as the workflow leaves them: for tests of what shows them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from invoicing.approval import names
from invoicing.approval.facts import facts_of
from invoicing.approval.ledger import Draft
from stores.blobs import Blobs
from stores.ledgers import Ledger
from tests.fakes.ledger_keys import LEDGER_KEYS

ANN, BOB, CARLA = "ann.roth@example.com", "bob.lang@example.com", "carla.weiss@example.com"
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
CLERK: dict[str, Any] = {
    "name": "clerk",
    "approvers": [ANN, BOB],
    "escalate_after": "P5D",
    "escalate_to": [CARLA],
    "expire_after": "P14D",
}


def put_approval(
    blobs: Blobs,
    row: dict[str, Any],
    *,
    content: bytes = b"<Invoice/>",
    stages: tuple[dict[str, Any], ...] = (CLERK,),
    sender: str | None = None,
    at: datetime = NOON,
    drafts: tuple[Draft, ...] = (),
    opened: bool = True,
) -> str:
    """Write document, request, ledger and inbox of an approval; returns its id."""
    ref = names.invoice_id(hashlib.sha256(json.dumps(row, sort_keys=True).encode() + content).hexdigest())
    approval, digest = names.approval_id(ref), hashlib.sha256(content).hexdigest()
    request = {
        "approval": approval,
        "ref": ref,
        "created": at.isoformat(),
        "sender": sender,
        "facts": facts_of(row, supplier_known=False).as_dict(),
        "rule": "everything",
        "stages": list(stages),
        "document": {"name": row["name"], "sha256": digest, "kind": row["kind"], "ref": ref},
        "row": {**row, "sha256": digest},
    }
    blobs.write(names.invoice_document(ref), content)
    blobs.write(names.request(approval), json.dumps(request).encode())
    begun = (
        Draft(kind="opened", at=at.isoformat(), key="opened"),
        Draft(kind="stage_opened", at=at.isoformat(), stage=stages[0]["name"], key="s"),
    )
    add_entries(blobs, approval, *(begun if opened else ()), *drafts)
    put_in_inbox(blobs, approval, request, stages[0], at)
    return approval


def add_entries(blobs: Blobs, approval: str, *drafts: Draft) -> None:
    """Write more entries into the ledger."""
    ledger = Ledger.read(blobs, approval)
    for draft in drafts:
        ledger.append(lambda entries, draft=draft: draft, LEDGER_KEYS)


def put_in_inbox(
    blobs: Blobs, approval: str, request: dict[str, Any], stage: dict[str, Any], at: datetime
) -> None:
    """The line of the inbox, with what a listing has of it."""
    invoice, facts = request["row"]["invoice"] or {}, request["facts"]
    item = {
        "approval": approval,
        "ref": request["ref"],
        "supplier": (invoice.get("seller") or "")[:100] or None,
        "number": (invoice.get("number") or "")[:100] or None,
        "amount": facts["amount"],
        "currency": (invoice.get("currency") or "")[:100] or None,
        "type_code": (invoice.get("type_code") or "")[:100] or None,
        "stage": stage["name"],
        "approvers": [one for one in stage["approvers"] if one != request["sender"]],
        "since": at.isoformat(),
        "created": at.isoformat(),
        "findings": len(request["row"]["findings"]),
        "batch": names.parse_reference(request["ref"]).batch,
        "decided": [],
    }
    blobs.write(names.inbox(approval), json.dumps(item).encode(), {"item": json.dumps(item)})

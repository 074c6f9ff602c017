"""Approvals written straight into blobs, as the workflow leaves them: for tests of what shows them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from invoicing.approval import names
from invoicing.approval.inbox import inbox_entry
from invoicing.approval.ledger import Draft
from invoicing.approval.policy import Stage
from invoicing.approval.stages import StageState
from invoicing.records.approval import ApprovalRequest
from stores import approval_names, approvals
from stores.blobs import Blobs
from stores.invoices import document_name
from stores.ledgers import Ledger
from tests.fakes.ledger_keys import LEDGER_KEYS
from tests.unit.asked import asked

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
    request = asked(
        ref,
        *TypeAdapter(tuple[Stage, ...]).validate_python(stages),
        row={**row, "sha256": digest},
        created=at,
        sender=sender,
    )
    blobs.write(document_name(ref), content)
    blobs.write(approval_names.request(approval), request.as_json())
    begun = (
        Draft(kind="opened", at=at.isoformat(), key="opened"),
        Draft(kind="stage_opened", at=at.isoformat(), stage=stages[0]["name"], key="s"),
    )
    add_entries(blobs, approval, *(begun if opened else ()), *drafts)
    put_in_inbox(blobs, request, at)
    return approval


def add_entries(blobs: Blobs, approval: str, *drafts: Draft) -> None:
    """Write more entries into the ledger."""
    ledger = Ledger.read(blobs, approval)
    for draft in drafts:
        ledger.append(lambda entries, draft=draft: draft, LEDGER_KEYS)


def put_in_inbox(blobs: Blobs, request: ApprovalRequest, at: datetime) -> None:
    """The line of the inbox, with what a listing has of it."""
    stage = request.stages[0]
    current = StageState(stage, status="open", since=at, opened=at, approvers=stage.approvers)
    asked_now = [one for one in stage.approvers if one != request.sender]
    approvals.put_in_inbox(blobs, inbox_entry(request, current, asked_now))

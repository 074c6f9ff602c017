"""Looking at approvals: one with its history, its document, and the list of those that are open."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from invoicing.approval import deciding, names
from invoicing.approval.deciding import People
from invoicing.approval.delegation import stand_ins_by_person
from invoicing.approval.ledger import Entry
from invoicing.approval.names import is_approval_id
from invoicing.approval.stages import StageState
from invoicing.records.approval import ApprovalRequest
from invoicing.records.ledger import Outcome
from stores import absences, approvals
from stores.blobs import Blobs
from stores.ledgers import ApprovalMissing, Ledger
from usecases.archived import refuse_purged_documents


@dataclass(frozen=True)
class ApprovalView:
    """One approval with its history.

    `waiting_for`: whom the open stage waits for, stand-ins included; `outcome`: None while it is open.
    """

    approval: str
    request: ApprovalRequest
    entries: tuple[Entry, ...]
    stages: tuple[StageState, ...]
    open_stage: StageState | None
    waiting_for: tuple[str, ...]
    outcome: Outcome | None
    closed: bool


def read_approval(
    blobs: Blobs, approval: str, now: datetime | None = None, people: People = None
) -> ApprovalView:
    """One approval. With `now`, stand-ins of that moment are named. Raises ApprovalMissing.

    `people`: whom the policy names; None: whoever was an approver may still decide.
    """
    ledger = ledger_of(blobs, approval)
    state = ledger.state
    away = stand_ins_by_person(absences.all_of(blobs).found, now) if now and state.open_stage else {}
    return ApprovalView(
        approval=approval,
        request=ledger.request,
        entries=tuple(ledger.entries),
        stages=state.stages,
        open_stage=None if state.closed else state.open_stage,
        waiting_for=deciding.waiting_for(state, ledger.request.sender, away, people),
        outcome=state.outcome,
        closed=state.closed,
    )


def ledger_of(blobs: Blobs, approval: str) -> Ledger:
    """The ledger of an approval that a caller names. Raises ApprovalMissing."""
    if not is_approval_id(approval):
        raise ApprovalMissing(f"there is no approval {approval[:40]!r}")
    return Ledger.read(blobs, approval)


def document_of(blobs: Blobs, approval: str) -> tuple[str, bytes]:
    """Name and content of the document as it is now.

    Raises ApprovalMissing, also where it was removed, and Gone where it was purged.
    """
    if not is_approval_id(approval):
        raise ApprovalMissing(f"there is no approval {approval[:40]!r}")
    request = approvals.request_of(blobs, approval)
    content = approvals.document(blobs, request)
    if content is None:
        refuse_purged_documents(blobs, names.parse_reference(request.ref).owner)
        raise ApprovalMissing(f"the document of approval {approval} is not there")
    return request.document.name, content


def current_sha256(blobs: Blobs, approval: str) -> str:
    """The hash of the document as it is now: another one than the request's, where it was replaced."""
    return hashlib.sha256(document_of(blobs, approval)[1]).hexdigest()

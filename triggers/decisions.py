"""A person's decision, as the API and the pages take it: who may, on what, and what the refusals mean."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import get_args

import azure.durable_functions as df

from adapters.identity import Identity
from adapters.services import Services
from adapters.settings import SettingError
from invoicing.approval.ledger import Entry
from invoicing.approval.signing import LedgerKeys
from stores import approvals
from stores.approvals import ApprovalMissing, Decision, DecisionRefused
from triggers.responses import Refused

# What is wrong with the request, and who may not; everything else came too late or too early: 409.
_STATUS = {
    "unknown_decision": 400,
    "comment_needed": 400,
    "comment_too_long": 400,
    "unknown_stage": 400,
    "nobody_to_ask": 400,
    "not_your_turn": 403,
    "same_person": 403,
    "sender_may_not": 403,
    "needed_later": 403,
}


async def decide(
    here: Services,
    client: df.DurableOrchestrationClient,
    who: Identity,
    approval: str,
    *,
    stage: str,
    decision: str,
    comment: str,
    sha256: str,
) -> Entry:
    """Write a decision to the ledger and wake the approval. Raises Refused (400, 403, 404, 409, 503).

    `sha256`: the document that the person was shown. Where the person came by a link, stage, document and
    purpose have to be those of the link.
    """
    check_link(who, stage=stage, decision=decision, sha256=sha256)
    try:
        entry = await asyncio.to_thread(
            approvals.decide,
            here.blobs,
            ledger_keys(here),
            approval,
            stage=stage,
            who=who.person,
            decision=_decision(decision),
            comment=comment,
            sha256=sha256,
            via=who.via,
            link_id=who.link.link if who.link else None,
            now=datetime.now(UTC),
        )
    except DecisionRefused as error:
        raise Refused(_STATUS.get(error.code, 409), error.code, error.text) from error
    except ApprovalMissing as error:
        raise unknown_approval() from error
    await approvals.wake(client, approval, entry.seq, entry.stage)
    return entry


def ledger_keys(here: Services) -> LedgerKeys:
    """What decisions are signed with. Raises Refused (503) where a deployed app has no key."""
    try:
        return here.ledger_keys
    except SettingError as error:
        raise Refused(503, "ledger_key_missing", f"Nothing can be decided now. {error}") from error


def check_link(who: Identity, *, stage: str, decision: str, sha256: str) -> None:
    """Refuse what a link is not for: another stage, another document, another purpose. Raises Refused."""
    link = who.link
    if link is None:
        return
    purpose = "answer" if decision == "answer" else "decide"
    if link.stage != stage or link.purpose != purpose:
        raise Refused(403, "link_foreign", "This link is for another step. Open the last message.")
    if link.sha256 != sha256:
        raise Refused(
            409, "document_changed", "The document is not the one that this link was made for. Open it again."
        )


def unknown_approval() -> Refused:
    """The answer for an approval that there is not."""
    return Refused(404, "unknown_approval", "There is no approval of this id.")


def _decision(text: str) -> Decision:
    for known in get_args(Decision):
        if text == known:
            return known
    raise Refused(400, "unknown_decision", "A decision is one of approve, reject, ask and answer.")

"""A person decides: the ledger first, then the workflow is woken, which reads the ledger.

So a decision whose event was lost is late at most until the next sweep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import azure.durable_functions as df

from adapters.identity import Identity
from adapters.services import Services
from adapters.setting_values import SettingError
from invoicing.approval import deciding, stages
from invoicing.approval.deciding import DecisionRefused, People
from invoicing.approval.delegation import stand_ins
from invoicing.approval.ledger import Draft, Entry
from invoicing.approval.signing import LedgerKeys
from invoicing.approval.stages import Progress
from invoicing.records.absence import Absence
from stores import absences
from stores.blobs import Blobs
from stores.ledgers import Ledger
from usecases.approval_view import current_sha256, ledger_of
from usecases.refusals import NotAllowed, NotNow, NotReady
from usecases.rights import who_may_decide
from usecases.wake_approval import wake

Decision = Literal["approve", "reject", "ask", "answer"]
Via = Literal["link", "principal", "dev"]

#: Characters of a comment.
LONGEST_COMMENT = 2000


@dataclass(frozen=True)
class Choice:
    """What a person says of a stage; `sha256`: the document that they were shown."""

    approval: str
    stage: str
    decision: str
    comment: str
    sha256: str


async def decide(
    services: Services, client: df.DurableOrchestrationClient, who: Identity, choice: Choice, now: datetime
) -> Entry:
    """Write a person's decision to the ledger and wake the approval.

    Where the person came by a link, stage, document and purpose have to be those of the link. Who is not in
    the policy any more decides nothing. Raises DecisionRefused, ApprovalMissing, NotAllowed, NotNow,
    PolicyInvalid, and NotReady where nothing can be signed.
    """
    check_link(who, choice)
    link_id = who.link.link if who.link else None
    keys, people = _ledger_keys(services), who_may_decide(services)
    entry = await asyncio.to_thread(
        enter_decision, services.blobs, keys, choice, who.person, who.via, link_id, now, people
    )
    await wake(client, choice.approval, entry.seq, entry.stage)
    return entry


def check_link(who: Identity, choice: Choice) -> None:
    """Refuse what a link is not for: another stage or purpose (NotAllowed), or another document (NotNow)."""
    link = who.link
    if link is None:
        return
    purpose = "answer" if choice.decision == "answer" else "decide"
    if link.stage != choice.stage or link.purpose != purpose:
        raise NotAllowed("link_foreign", "This link is for another step. Open the last message.")
    if link.sha256 != choice.sha256:
        text = "The document is not the one that this link was made for. Open it again."
        raise NotNow("document_changed", text)


def _ledger_keys(services: Services) -> LedgerKeys:
    try:
        return services.ledger_keys
    except SettingError as error:
        raise NotReady("ledger_key_missing", f"Nothing can be decided now. {error}") from error


def enter_decision(
    blobs: Blobs,
    keys: LedgerKeys,
    choice: Choice,
    who: str,
    via: Via,
    link_id: str | None,
    now: datetime,
    people: People = None,
) -> Entry:
    """Write a person's decision to the ledger and return its entry. `people`: whom the policy names now.

    Raises DecisionRefused (right_ended, stage_over, not_open, not_your_turn, already_decided, same_person,
    sender_may_not, needed_later, document_changed, link_used, comment_needed, comment_too_long, no_question,
    nobody_to_ask, unknown_stage, unknown_decision) and ApprovalMissing. Wake the approval afterwards.
    """
    kind = _decision(choice.decision)
    if len(choice.comment) > LONGEST_COMMENT:
        raise DecisionRefused("comment_too_long", f"A comment has at most {LONGEST_COMMENT:,} characters.")
    ledger = ledger_of(blobs, choice.approval)
    _same_document(blobs, ledger, choice)
    absent = absences.all_of(blobs).found

    def draft(entries: list[Entry]) -> Draft:
        state = stages.progress(ledger.request.stages, entries)
        place = deciding.check_decision(
            state,
            stage=choice.stage,
            who=who,
            decision=kind,
            comment=choice.comment,
            sender=ledger.request.sender,
            stand_ins=_stand_ins(state, absent, now),
            link_id=link_id,
            people=people,
        )
        return Draft(
            kind=kind,
            at=now.isoformat(),
            stage=choice.stage,
            who=who,
            on_behalf_of=place if place != who else None,
            comment=choice.comment.strip(),
            sha256=choice.sha256,
            via=via,
            link_id=link_id,
        )

    entry = ledger.append(draft, keys)
    assert entry is not None  # the draft always wants one or raises
    return entry


def _decision(text: str) -> Decision:
    for known in get_args(Decision):
        if text == known:
            return known
    raise DecisionRefused("unknown_decision", "A decision is one of approve, reject, ask and answer.")


def _same_document(blobs: Blobs, ledger: Ledger, choice: Choice) -> None:
    """Nobody says yes to what they did not see; a reject needs no look at the document as it is now."""
    changed = DecisionRefused(
        "document_changed", "The document is not the one that you were shown. Open the approval again."
    )
    if choice.sha256 != ledger.request.document.sha256:
        raise changed
    if choice.decision == "approve" and current_sha256(blobs, choice.approval) != choice.sha256:
        raise changed


def _stand_ins(state: Progress, absent: Iterable[Absence], now: datetime) -> dict[str, tuple[str, ...]]:
    current = state.open_stage
    return {person: stand_ins(person, absent, now) for person in (current.approvers if current else ())}

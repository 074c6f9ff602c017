"""An administrator gives an open stage to somebody else: the ledger first, then the workflow is woken."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

import azure.durable_functions as df

from adapters import policies
from adapters.identity import Identity
from adapters.services import Services
from adapters.setting_values import SettingError
from invoicing.approval import stages
from invoicing.approval.ledger import Draft, Entry
from invoicing.approval.persons import BadPerson, person_id
from invoicing.approval.policy import Policy
from invoicing.approval.stages import Progress
from invoicing.records.ledger import EntryDetail
from usecases.approval_view import ledger_of
from usecases.refusals import NotAllowed, NotAsAsked, NotNow, NotReady
from usecases.wake_approval import wake

#: Characters of the reason.
LONGEST_REASON = 500


@dataclass(frozen=True)
class Reassignment:
    """Who is to decide in the open stage of an approval besides those who may already, and why."""

    approval: str
    to: str
    reason: str


async def reassign(
    services: Services,
    client: df.DurableOrchestrationClient,
    who: Identity,
    wanted: Reassignment,
    now: datetime,
) -> Entry:
    """Write the reassignment to the ledger, and wake the approval, which asks the new person.

    Raises NotAllowed (not_administrator), NotAsAsked (unknown_person, yourself, reason_needed, bad_reason,
    sender_may_not, same_person, already_approver), NotNow (stage_over), ApprovalMissing, PolicyInvalid, and
    NotReady.
    """
    entry = await asyncio.to_thread(_enter, services, who, wanted, now)
    await wake(client, wanted.approval, entry.seq, entry.stage)
    return entry


def _enter(services: Services, who: Identity, wanted: Reassignment, now: datetime) -> Entry:
    policy = policies.load(services.settings)
    if who.person not in policy.administrators:
        text = "Only the administrators whom the policy names may give an approval to somebody else."
        raise NotAllowed("not_administrator", text)
    to = _person(policy, wanted.to, who.person)
    reason = _reason(wanted.reason)
    try:
        keys = services.ledger_keys
    except SettingError as error:
        raise NotReady("ledger_key_missing", f"Nothing can be reassigned now. {error}") from error
    ledger = ledger_of(services.blobs, wanted.approval)

    def draft(entries: list[Entry]) -> Draft:
        state = stages.progress(ledger.request.stages, entries)
        _check(state, to, ledger.request.sender)
        current = state.open_stage
        return Draft(
            kind="reassigned",
            at=now.isoformat(),
            stage=current.name if current else None,
            who=who.person,
            comment=reason,
            via=who.via,
            detail=EntryDetail(to=(to,)),
        )

    entry = ledger.append(draft, keys)
    assert entry is not None  # the draft always wants one or raises
    return entry


def _person(policy: Policy, text: str, administrator: str) -> str:
    try:
        to = person_id(text)
    except BadPerson as error:
        raise NotAsAsked("unknown_person", f"The address of who is to decide {error}.") from error
    if to not in policy.people:
        raise NotAsAsked("unknown_person", f"{to} is not one of the people of the policy.")
    if to == administrator:
        raise NotAsAsked("yourself", "Give it to somebody else: nobody makes themselves an approver.")
    return to


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason:
        raise NotAsAsked("reason_needed", "Please write the reason; it stays with the invoice.")
    if len(reason) > LONGEST_REASON:
        raise NotAsAsked("bad_reason", f"The reason has at most {LONGEST_REASON} characters.")
    return reason


def _check(state: Progress, to: str, sender: str | None) -> None:
    """Refuse where no stage is open, and who could not decide in it anyway."""
    current = state.open_stage
    if state.closed or current is None:
        raise NotNow("stage_over", "Nothing of this approval is open any more.")
    if to == sender:
        raise NotAsAsked("sender_may_not", f"{to} sent this invoice in: somebody else has to approve it.")
    if to in state.used:
        raise NotAsAsked("same_person", f"{to} has approved this invoice already.")
    if to in current.approvers:
        raise NotAsAsked("already_approver", f"{to} may decide in this stage already.")

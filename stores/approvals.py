"""Approvals as the API and the pages use them: list, read, decide, delegate, wake.

A decision is written to the ledger first; the event that follows only wakes the workflow, which then reads
the ledger. So a decision whose event was lost is late at most until the next sweep.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import azure.durable_functions as df
from pydantic import TypeAdapter

from invoicing.approval import deciding, names, stages
from invoicing.approval.deciding import DecisionRefused
from invoicing.approval.delegation import BadDelegation, Delegation, check, stand_ins
from invoicing.approval.ledger import DECISIONS, Draft, Entry
from invoicing.approval.policy import Policy
from invoicing.approval.signing import LedgerKeys
from invoicing.approval.stages import Progress, StageState
from invoicing.archive import BadArchive
from invoicing.records.approval import ApprovalRequest, InboxEntry
from stores import records
from stores.batch_sources import open_source
from stores.blobs import BlobConflict, BlobInfo, BlobMissing, Blobs
from stores.ledgers import ApprovalMissing, Ledger
from stores.records import Listed

__all__ = ["ApprovalMissing", "ApprovalView", "BadDelegation", "DecisionRefused"]

Decision = Literal["approve", "reject", "ask", "answer"]
Via = Literal["link", "principal", "dev"]

_LONGEST_COMMENT = 2000
# So many entries of the inbox are read one by one; for more, all of it is listed, which is one request.
_READ_ALONE = 10


_INBOX_ENTRY = TypeAdapter(InboxEntry)
_DELEGATION = TypeAdapter(Delegation)
_REQUEST = TypeAdapter(ApprovalRequest)


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
    outcome: stages.Outcome | None
    closed: bool


# ---------------------------------------------------------------- reading


def inbox(blobs: Blobs) -> list[InboxEntry]:
    """All open approvals that can be shown, the oldest first; one listing, no blob is read."""
    return open_approvals(blobs).found


def open_approvals(blobs: Blobs) -> Listed[InboxEntry]:
    """All open approvals, the oldest first, with the ids of those whose line cannot be read."""
    listed = records.each(blobs.list(names.INBOX), _item)
    ordered = sorted(listed.found, key=lambda item: (item.created, item.approval))
    return Listed(ordered, [name.removeprefix(names.INBOX) for name in listed.damaged])


def _item(blob: BlobInfo) -> InboxEntry:
    return records.from_json(_INBOX_ENTRY, blob.name, blob.metadata.get("item", ""))


def put_in_inbox(blobs: Blobs, entry: InboxEntry) -> None:
    """Have an approval in the inbox, over the entry from before."""
    # Metadata travels as an HTTP header, hence ASCII.
    text = json.dumps(entry.as_plain())
    blobs.write(names.inbox(entry.approval), text.encode(), {"item": text})


def take_out_of_inbox(blobs: Blobs, approval: str) -> None:
    """An approval is not open any more."""
    blobs.delete(names.inbox(approval))


def inbox_items(blobs: Blobs, wanted: Collection[str]) -> dict[str, InboxEntry]:
    """Those of some approvals that are open, by their ids."""
    if len(wanted) > _READ_ALONE:
        return {item.approval: item for item in inbox(blobs) if item.approval in wanted}

    found = {}
    for approval in wanted:
        with contextlib.suppress(BlobMissing):
            name = names.inbox(approval)
            found[approval] = records.from_json(_INBOX_ENTRY, name, blobs.read(name))
    return found


def read(blobs: Blobs, approval: str, now: datetime | None = None) -> ApprovalView:
    """One approval. With `now`, stand-ins of that moment are named. Raises ApprovalMissing."""
    ledger = _ledger(blobs, approval)
    state, sender = state_of(ledger), ledger.request.sender
    away = stand_ins_at(blobs, now) if now and state.open_stage else {}
    return ApprovalView(
        approval=approval,
        request=ledger.request,
        entries=tuple(ledger.entries),
        stages=state.stages,
        open_stage=None if state.closed else state.open_stage,
        waiting_for=deciding.waiting_for(state, sender, away),
        outcome=state.outcome,
        closed=state.closed,
    )


def _ledger(blobs: Blobs, approval: str) -> Ledger:
    if not names.is_approval_id(approval):
        raise ApprovalMissing(f"there is no approval {approval[:40]!r}")
    return Ledger.read(blobs, approval)


def state_of(ledger: Ledger) -> Progress:
    """What the ledger says."""
    return stages.progress(ledger.request.stages, ledger.entries)


def document(blobs: Blobs, approval: str) -> tuple[str, bytes]:
    """Name and content of the document as it is now. Raises ApprovalMissing, also where it was removed."""
    request = _request(blobs, approval)
    name, reference = request.document.name, names.parse_reference(request.ref)
    try:
        if reference.n is None:
            return name, blobs.read(names.invoice_document(reference.owner))
        if request.document.chunk is not None:
            source = open_source(blobs, reference.owner)
            for found in source.read(request.document.chunk, reference.n, reference.n).documents:
                return name, found.content
    except (BlobMissing, BadArchive) as error:
        raise ApprovalMissing(f"the document of approval {approval} is not there") from error
    raise ApprovalMissing(f"the document of approval {approval} is not there")


def current_sha256(blobs: Blobs, approval: str) -> str:
    """The hash of the document as it is now: another one than the request's, where it was replaced."""
    return hashlib.sha256(document(blobs, approval)[1]).hexdigest()


def ask(blobs: Blobs, request: ApprovalRequest) -> None:
    """Write down what is to be approved. Where that was done before, what was asked for first stays."""
    with contextlib.suppress(BlobConflict):
        blobs.create(names.request(request.approval), request.as_json())


def _request(blobs: Blobs, approval: str) -> ApprovalRequest:
    if not names.is_approval_id(approval):
        raise ApprovalMissing(f"there is no approval {approval[:40]!r}")
    try:
        name = names.request(approval)
        return records.from_json(_REQUEST, name, blobs.read(name))
    except BlobMissing as error:
        raise ApprovalMissing(f"there is no approval {approval}") from error


# ---------------------------------------------------------------- deciding


def decide(
    blobs: Blobs,
    keys: LedgerKeys,
    approval: str,
    *,
    stage: str,
    who: str,
    decision: Decision,
    comment: str = "",
    sha256: str,
    via: Via,
    link_id: str | None = None,
    now: datetime,
) -> Entry:
    """Write a person's decision to the ledger and return its entry; `sha256` is what they were shown.

    Raises DecisionRefused (stage_over, not_open, not_your_turn, already_decided, same_person, sender_may_not,
    needed_later, document_changed, link_used, comment_needed, comment_too_long, no_question, nobody_to_ask,
    unknown_stage, unknown_decision) and ApprovalMissing. Call `wake` afterwards.
    """
    if decision not in DECISIONS:
        raise DecisionRefused("unknown_decision", "A decision is approve, reject, ask or answer.")
    if len(comment) > _LONGEST_COMMENT:
        raise DecisionRefused("comment_too_long", f"A comment has at most {_LONGEST_COMMENT:,} characters.")
    ledger = _ledger(blobs, approval)
    _same_document(blobs, ledger, decision, sha256)
    absent = delegations(blobs)

    def draft(entries: list[Entry]) -> Draft:
        state = stages.progress(ledger.request.stages, entries)
        place = deciding.check_decision(
            state,
            stage=stage,
            who=who,
            decision=decision,
            comment=comment,
            sender=ledger.request.sender,
            stand_ins=_stand_ins(state, absent, now),
            link_id=link_id,
        )
        return Draft(
            kind=decision,
            at=now.isoformat(),
            stage=stage,
            who=who,
            on_behalf_of=place if place != who else None,
            comment=comment.strip(),
            sha256=sha256,
            via=via,
            link_id=link_id,
        )

    entry = ledger.append(draft, keys)
    assert entry is not None  # the draft always wants one or raises
    return entry


def _same_document(blobs: Blobs, ledger: Ledger, decision: str, shown: str) -> None:
    """Nobody says yes to what they did not see; a reject needs no look at the document as it is now."""
    changed = DecisionRefused(
        "document_changed", "The document is not the one that you were shown. Open the approval again."
    )
    if shown != ledger.request.document.sha256:
        raise changed
    if decision == "approve" and current_sha256(blobs, ledger.approval) != shown:
        raise changed


def _stand_ins(state: Progress, absent: Iterable[Delegation], now: datetime) -> dict[str, tuple[str, ...]]:
    current = state.open_stage
    return {one: stand_ins(one, absent, now) for one in (current.approvers if current else ())}


# ---------------------------------------------------------------- absences


def delegations(blobs: Blobs) -> list[Delegation]:
    """All absences that were told, also those that are over. One that cannot be read lets nobody decide."""
    return absences(blobs).found


def absences(blobs: Blobs) -> Listed[Delegation]:
    """All absences that were told, with the names of those that cannot be read."""

    def read(blob: BlobInfo) -> Delegation | None:
        try:
            return records.from_json(_DELEGATION, blob.name, blobs.read(blob.name))
        except BlobMissing:
            return None  # it was ended between the listing and now

    return records.each(blobs.list(names.DELEGATIONS), read)


def delegate(
    blobs: Blobs, policy: Policy, who: str, until: datetime, to: str | None, now: datetime
) -> Delegation:
    """Note that somebody is away; without `to` their deputy stands in. Ends an absence with `end_absence`.

    Raises BadDelegation (unknown_person, no_deputy, self, past, too_long, loop).
    """
    if who not in policy.people:
        raise BadDelegation("unknown_person", f"{who} is not one of the approvers.")
    to = to or policy.people[who].deputy
    if to is None:
        raise BadDelegation("no_deputy", "Say who stands in: the policy names no deputy.")
    if to not in policy.people:
        raise BadDelegation("unknown_person", f"{to} is not one of the approvers.")
    wanted = Delegation(who, to, until, now)
    check(wanted, delegations(blobs), now)
    blobs.write(names.delegation(who), json.dumps(wanted.as_dict()).encode())
    return wanted


def end_absence(blobs: Blobs, who: str) -> None:
    """Somebody is back."""
    blobs.delete(names.delegation(who))


def stand_ins_at(blobs: Blobs, now: datetime | str) -> dict[str, tuple[str, ...]]:
    """For each person who is away, who may decide in their place; the last one is the one to ask."""
    moment = datetime.fromisoformat(now) if isinstance(now, str) else now
    absent = delegations(blobs)
    found = {one.who: stand_ins(one.who, absent, moment) for one in absent}
    return {person: chain for person, chain in found.items() if chain}


# ---------------------------------------------------------------- waking


async def wake(
    client: df.DurableOrchestrationClient, approval: str, seq: int | None = None, stage: str | None = None
) -> bool:
    """Wake the approval's workflow after a decision in a stage; returns whether it could be told.

    It raises the event that the custom status names, then looks again: where the workflow armed its next wait
    meanwhile, without having read entry `seq`, the event went to a wait that was over, so it is raised again.
    A workflow that has just opened its first stage may not have armed the first wait yet: that one's event is
    kept for it. Never raises: the decision is in the ledger, and the sweep comes by.
    """
    try:
        for _ in range(3):
            waits = _wait_to_end(await client.get_status(approval), stage)
            if waits is None or (seq is not None and waits[2] >= seq):
                return waits is not None
            await client.raise_event(approval, names.event(waits[0], waits[1]), True)
            again = _wait_to_end(await client.get_status(approval), stage)
            if again is None or again[:2] == waits[:2]:
                return True
    except Exception:
        logging.warning("approval %s could not be woken; the sweep will do it", approval, exc_info=True)
        return False
    return True


def _wait_to_end(status: Any, stage: str | None) -> tuple[str, int, int] | None:
    """The wait that a workflow tells of; before it told of any, the first one of the stage."""
    has_told = getattr(status, "custom_status", None) is not None
    return waiting_at(status) if has_told or stage is None else (stage, 1, 0)


def waiting_at(status: Any) -> tuple[str, int, int] | None:
    """Stage, attempt and last entry read, from an approval's status; None where it waits for nobody."""
    custom = getattr(status, "custom_status", None)
    if isinstance(custom, str):
        try:
            custom = json.loads(custom)
        except ValueError:
            return None
    if not isinstance(custom, dict) or not custom.get("stage"):
        return None
    return custom["stage"], custom["attempt"], custom.get("seen", 0)

"""What the workflow of an approval does: open, take in decisions, enter alarms, close.

Each step writes into the ledger first, then into the inbox, and has people told last; a step that is repeated
writes nothing twice.
"""

from __future__ import annotations

from adapters.services import Services
from invoicing.approval import deciding, stages
from invoicing.approval.inbox import inbox_entry
from invoicing.approval.ledger import Draft, Entry
from invoicing.approval.stages import Progress
from invoicing.approval.tellings import tellings
from invoicing.records.approval_steps import (
    AlarmJob,
    ApprovalResult,
    CloseJob,
    CompensationJob,
    Opened,
    OpenJob,
    StageJob,
    StageNow,
)
from invoicing.records.invoice_steps import Compensated
from invoicing.records.ledger import EntryDetail
from stores import approvals
from stores.ledgers import Ledger
from usecases.rights import Rights, rights_now
from usecases.telling import tell

_LONGEST_COMMENT = 500


def open_approval(services: Services, job: OpenJob) -> Opened:
    """Begin the ledger, open the first stage, put it into the inbox and have its approvers told."""
    ledger = Ledger.read(services.blobs, job.approval)
    opened = Draft(
        kind="opened", at=job.at.isoformat(), key="opened", detail=EntryDetail(ref=ledger.request.ref)
    )
    ledger.append(lambda entries: None if entries else opened, services.ledger_keys)

    names = tuple(stage.name for stage in ledger.request.stages)
    first = StageJob(approval=job.approval, stage=names[0], at=job.at, after=0)
    return Opened(stages=names, first=_opened(services, ledger, first))


def open_stage(services: Services, job: StageJob) -> StageNow:
    """Open a stage whose turn it is; as `take_in_decisions` for the rest."""
    return _opened(services, Ledger.read(services.blobs, job.approval), job)


def take_in_decisions(services: Services, job: StageJob) -> StageNow:
    """Bring the inbox up to the ledger and to the rights of now; have told who asked, or is asked."""
    ledger = Ledger.read(services.blobs, job.approval)
    rights = _rights(services, ledger, job)
    _ask_more(services, ledger, job, rights)
    return _taken_in(services, ledger, job, rights)


def record_alarm(services: Services, job: AlarmJob) -> StageNow:
    """Enter an alarm, unless it is there or a decision came first; as `take_in_decisions` for the rest."""
    ledger = Ledger.read(services.blobs, job.approval)
    wanted = Draft(kind=job.kind, at=job.at.isoformat(), stage=job.stage, key=job.key)

    def draft(entries: list[Entry]) -> Draft | None:
        state = stages.progress(ledger.request.stages, entries)
        is_due = stages.alarm_still_due(state, job.stage, job.key)
        return wanted if is_due and not _is_there(entries, wanted) else None

    ledger.append(draft, services.ledger_keys)
    return _taken_in(services, ledger, job, _rights(services, ledger, job))


def close_approval(services: Services, job: CloseJob) -> ApprovalResult:
    """End the ledger, take the approval out of the inbox, and have its sender told."""
    ledger = Ledger.read(services.blobs, job.approval)

    def draft(entries: list[Entry]) -> Draft | None:
        state = stages.progress(ledger.request.stages, entries)
        if state.closed:
            return None
        failed = EntryDetail(outcome="failed", reason=job.failed) if job.failed is not None else None
        detail = failed or EntryDetail(outcome=state.outcome)
        return Draft(kind="closed", at=job.at.isoformat(), key="closed", detail=detail)

    ledger.append(draft, services.ledger_keys)
    approvals.take_out_of_inbox(services.blobs, job.approval)
    tell(services, ledger, job.after, Rights(None, {}))
    return _result(ledger)


def record_compensation(services: Services, job: CompensationJob) -> Compensated:
    """Enter that nothing came of what was approved, once."""
    ledger = Ledger.read(services.blobs, job.approval)
    wanted = Draft(kind="undone", at=job.at.isoformat(), key="undone", detail=EntryDetail(reason=job.reason))
    ledger.append(
        lambda entries: None if _is_there(entries, wanted) else wanted,
        services.ledger_keys,
    )
    return Compensated(done=True)


def _opened(services: Services, ledger: Ledger, job: StageJob) -> StageNow:
    wanted = Draft(
        kind="stage_opened", at=job.at.isoformat(), stage=job.stage, key=f"stage_opened.{job.stage}"
    )

    def draft(entries: list[Entry]) -> Draft | None:
        may_open = stages.may_open(stages.progress(ledger.request.stages, entries), job.stage)
        return wanted if may_open and not _is_there(entries, wanted) else None

    ledger.append(draft, services.ledger_keys)
    return _taken_in(services, ledger, job, _rights(services, ledger, job))


def _is_there(entries: list[Entry], wanted: Draft) -> bool:
    return any(entry.key == wanted.key for entry in entries)


def _taken_in(services: Services, ledger: Ledger, job: StageJob, rights: Rights) -> StageNow:
    """Bring inbox and people up to the ledger; returns what the workflow goes on with."""
    _hand_on(services, ledger, job, rights)
    state = ledger.state
    waits = deciding.waiting_for(state, ledger.request.sender, rights.stand_ins, rights.people)
    if _is_open(state, job.stage):
        asked = deciding.deciders(state, ledger.request.sender, rights.stand_ins, rights.people)
        entry = inbox_entry(ledger.request, state.stage(job.stage), waits, asked)
        approvals.put_in_inbox(services.blobs, entry)
    tell(services, ledger, job.after, rights)
    return stage_now(state, job.stage, waits)


def _rights(services: Services, ledger: Ledger, job: StageJob) -> Rights:
    """Who may decide in a stage now; what is over needs no look at it."""
    return rights_now(services, job.at) if _is_open(ledger.state, job.stage) else Rights(None, {})


def _ask_more(services: Services, ledger: Ledger, job: StageJob, rights: Rights) -> None:
    """Enter who can decide since rights have changed: somebody away, back, or in the policy anew.

    Whom the entries that are taken in now have told is not asked again.
    """
    if not _is_open(ledger.state, job.stage):
        return
    sender = ledger.request.sender
    now = deciding.deciders(ledger.state, sender, rights.stand_ins, rights.people)
    before = approvals.inbox_entries(services.blobs, (job.approval,)).get(job.approval)
    known = set(before.asked or before.approvers) if before and before.stage == job.stage else set(now)
    if known.issuperset(now):
        return
    told = tellings(
        ledger.request.stages,
        ledger.entries,
        sender,
        after=job.after,
        away=rights.stand_ins,
        people=rights.people,
    )
    more = tuple(person for person in now if person not in known.union(*(one.to for one in told)))
    if more:
        detail = EntryDetail(to=more)
        wanted = Draft(kind="asked", at=job.at.isoformat(), stage=job.stage, detail=detail)
        ledger.append(lambda _: wanted if _is_open(ledger.state, job.stage) else None, services.ledger_keys)


def _hand_on(services: Services, ledger: Ledger, job: StageJob, rights: Rights) -> None:
    """Give a stage to the next in line at once where nobody of it has the right to decide any more."""
    wanted = Draft(kind="escalation", at=job.at.isoformat(), stage=job.stage, key=f"escalation.{job.stage}")

    def draft(entries: list[Entry]) -> Draft | None:
        state = stages.progress(ledger.request.stages, entries)
        is_left = deciding.is_left_by_all(state, job.stage, rights.people)
        return wanted if is_left and not _is_there(entries, wanted) else None

    if deciding.is_left_by_all(ledger.state, job.stage, rights.people):
        ledger.append(draft, services.ledger_keys)


def stage_now(state: Progress, name: str, waiting_for: tuple[str, ...]) -> StageNow:
    """What a ledger says of one of its stages; `waiting_for` counts where the stage is open."""
    current = state.stage(name)
    is_open = _is_open(state, name)
    return StageNow(
        status=current.status,
        by=current.decided_by,
        waiting_for=waiting_for if is_open else (),
        since=current.since,
        deadline=stages.deadline(current) if is_open else None,
        reminders=current.reminders,
        alarm=stages.next_alarm(current) if is_open else None,
        seen=state.entries,
    )


def _is_open(state: Progress, name: str) -> bool:
    return state.stage(name).status == "open" and not state.closed


def _result(ledger: Ledger) -> ApprovalResult:
    kinds = ("approve", "reject", "expiry")
    last = next((entry for entry in reversed(ledger.entries) if entry.kind in kinds), None)
    return ApprovalResult(
        outcome=ledger.state.outcome or "failed",
        stage=last.stage if last else None,
        by=last.who if last else None,
        comment=last.comment[:_LONGEST_COMMENT] if last else "",
    )

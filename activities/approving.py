"""The steps of an approval: open it, read what was decided, write down what the workflow did, close it.

Each of them tells people what the ledger has got since the step before.
"""

from __future__ import annotations

from typing import Any

import azure.durable_functions as df

from activities.telling import tell
from adapters import services
from adapters.services import Services
from invoicing.approval import deciding, names, stages
from invoicing.approval.inbox import inbox_entry
from invoicing.approval.ledger import Draft, Entry
from stores.approvals import put_in_inbox, stand_ins_at, state_of
from stores.ledgers import Ledger

bp = df.Blueprint()


@bp.activity_trigger(input_name="job")
def open_approval(job: dict) -> dict:
    """Begin the ledger, open the first stage, put it into the inbox and have its approvers told.

    Input: `{"approval", "at"}`. Output: `{"stages": [names], "first": the first stage, as `read_decisions`}`.
    Repeating it changes nothing.
    """
    here = services.current()
    ledger = Ledger.read(here.blobs, job["approval"])
    opened = Draft(kind="opened", at=job["at"], key="opened", detail={"ref": ledger.request.ref})
    ledger.append(lambda entries: None if entries else opened, here.ledger_keys)

    first, *_ = asked = [stage.name for stage in ledger.request.stages]
    draft = Draft(kind="stage_opened", at=job["at"], stage=first, key=f"stage_opened.{first}")
    ledger.append(lambda entries: draft if _is_due(ledger, entries, draft) else None, here.ledger_keys)

    job = {**job, "stage": first, "now": job["at"], "after": 0}
    return {"stages": asked, "first": _taken_in(here, ledger, job)}


@bp.activity_trigger(input_name="job")
def read_decisions(job: dict) -> dict:
    """What the ledger says of a stage now; who asked, or is asked, a question is told.

    Input: `{"approval", "stage", "after": last entry known, "now"}`. Output: `{"status", "by",
    "waiting_for", "since", "deadline", "reminders", "alarm": {"kind", "at", "key"} or None, "seen": last
    entry}`.
    """
    here = services.current()
    return _taken_in(here, Ledger.read(here.blobs, job["approval"]), job)


@bp.activity_trigger(input_name="job")
def record(job: dict) -> dict:
    """Write what the workflow did into the ledger, unless it is there or a decision came first.

    Input: `{"approval", "kind", "stage", "key", "at", "after", "detail"?}`; kinds are stage_opened,
    reminder, escalation, expiry and undone. Output: as `read_decisions`, with `"recorded"`: whether the
    ledger has it. Repeating it writes nothing more.
    """
    here = services.current()
    ledger = Ledger.read(here.blobs, job["approval"])
    draft = Draft(
        kind=job["kind"], at=job["at"], stage=job["stage"], key=job["key"], detail=job.get("detail", {})
    )
    ledger.append(lambda entries: draft if _is_due(ledger, entries, draft) else None, here.ledger_keys)

    recorded = any(entry.key == draft.key for entry in ledger.entries)
    return {"recorded": recorded, **_taken_in(here, ledger, {**job, "now": job["at"]})}


@bp.activity_trigger(input_name="job")
def close_approval(job: dict) -> dict:
    """End the ledger, take the approval out of the inbox, and have its sender told.

    Input: `{"approval", "at", "after": last entry known, "failed"?: reason}`. Output: `{"outcome", "stage",
    "by", "comment"}` of what decided it. Repeating it changes nothing.
    """
    here = services.current()
    ledger = Ledger.read(here.blobs, job["approval"])

    def draft(entries: list[Entry]) -> Draft | None:
        state = stages.progress(ledger.request.stages, entries)
        if state.closed:
            return None
        failed = {"outcome": "failed", "reason": job["failed"]} if "failed" in job else None
        return Draft(kind="closed", at=job["at"], key="closed", detail=failed or {"outcome": state.outcome})

    ledger.append(draft, here.ledger_keys)
    here.blobs.delete(names.inbox(job["approval"]))
    tell(here, ledger, job["after"], {})
    return _result(ledger)


def _result(ledger: Ledger) -> dict[str, Any]:
    state = state_of(ledger)
    last = next(
        (one for one in reversed(ledger.entries) if one.kind in ("approve", "reject", "expiry")), None
    )
    return {
        "outcome": state.outcome,
        "stage": last.stage if last else None,
        "by": last.who if last else None,
        "comment": last.comment[:500] if last else "",
    }


def _is_due(ledger: Ledger, entries: list[Entry], draft: Draft) -> bool:
    if any(entry.key == draft.key for entry in entries):
        return False
    state = stages.progress(ledger.request.stages, entries)
    if draft.kind == "undone":
        return True
    if draft.kind == "stage_opened":
        return stages.may_open(state, draft.stage or "")
    return stages.alarm_still_due(state, draft.stage or "", draft.key or "")


def _taken_in(here: Services, ledger: Ledger, job: dict[str, Any]) -> dict[str, Any]:
    """What the workflow goes on with; the inbox gets the same, and after it people are told."""
    state = state_of(ledger)
    if job["stage"] is None:
        return {"seen": len(ledger.entries)}

    current = state.stage(job["stage"])
    is_open = current.status == "open" and not state.closed
    away = stand_ins_at(here.blobs, job["now"]) if is_open else {}
    waits = deciding.waiting_for(state, ledger.request.sender, away)
    if is_open:
        put_in_inbox(here.blobs, inbox_entry(ledger.request, current, waits))
    tell(here, ledger, job["after"], away)

    alarm = stages.next_alarm(current) if is_open else None
    return {
        "status": current.status,
        "by": current.decided_by,
        "waiting_for": list(waits) if is_open else [],
        "since": current.since.isoformat() if current.since else None,
        "deadline": stages.deadline(current).isoformat() if is_open else None,
        "reminders": current.reminders,
        "alarm": {"kind": alarm.kind, "at": alarm.at.isoformat(), "key": alarm.key} if alarm else None,
        "seen": len(ledger.entries),
    }

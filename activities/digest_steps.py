"""The steps of a digest: close its slot, then send each part of it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import azure.durable_functions as df

from activities import delivering
from activities.delivering import Envelope
from adapters import services
from adapters.channels import NotSent
from adapters.services import Services
from adapters.settings import SettingError
from invoicing.records.approval import InboxEntry
from stores import approvals, digests, notices, supervised
from stores.ledgers import ApprovalMissing
from stores.notices import PATIENCE, Notice, State
from stores.records import RecordDamaged
from usecases.approval_view import read_approval

bp = df.Blueprint()

_AT_ONCE = 8


@bp.activity_trigger(input_name="job")
def close_slot(job: dict) -> dict:
    """Take no more messages into a slot. Input: that of `digest`. Output: `{"parts": mails to send}`.

    Repeating it changes nothing.
    """
    here = services.current()
    members = digests.close(here.blobs, job["slot"])
    if not members:
        supervised.forget(here.blobs, f"digest-{job['slot']}")
    return {"parts": -(-len(members) // digests.PART)}


@bp.activity_trigger(input_name="job")
def send_digest(job: dict) -> dict:
    """Try to send one part of a digest, and note what became of each of its messages.

    Input: that of `digest`, with `{"part": from 0, "parts", "last": whether this is the last try}`. Output:
    as that of `send_notification`. What was decided meanwhile is left out, and a message that is alone then
    is sent as one that always was. A mail that was sent and could not be noted is sent again: with the same
    Message-ID and the same links. Raises only where the storage is away.
    """
    here, slot, number = services.current(), job["slot"], job["part"]
    try:
        found = digests.part(here.blobs, slot, number)
        sent = digests.sent(here.blobs, slot, number)
    except RecordDamaged as error:
        return {"outcome": "failed", "error": str(error)}

    if sent is not None:  # an earlier attempt sent it and died before all was noted
        return _ended(here, job, found, "sent", sent)

    needed = _needed(here, found)
    ids = frozenset(notice.id for notice in needed)
    if not needed:
        return _ended(here, job, found, "obsolete", ids)
    try:
        _deliver(here, job, needed)
    except (NotSent, SettingError) as error:
        if getattr(error, "again", True) and not job["last"]:
            return _again(here, job, str(error))
        return _ended(here, job, found, "failed", ids, str(error))

    digests.note_sent(here.blobs, slot, number, ids)
    return _ended(here, job, found, "sent", ids)


def _deliver(here: Services, job: dict[str, Any], needed: Sequence[Notice]) -> None:
    """Raises NotSent, and SettingError where the configuration lacks what messages need."""
    envelope = Envelope(
        f"digest-{job['slot']}-{job['part']}",
        datetime.fromisoformat(job["ends"]),
        (job["part"] + 1, job["parts"]),
    )
    if len(needed) == 1:
        (notice,) = needed
        delivering.alone(here, notice, read_approval(here.blobs, notice.approval), envelope)
    else:
        delivering.together(here, needed, envelope)


def _needed(here: Services, found: Sequence[Notice]) -> list[Notice]:
    """Those that still make sense: the inbox says so for many at once, the ledger for one alone."""
    open_ones = approvals.inbox_entries(here.blobs, {notice.approval for notice in found})
    needed = [notice for notice in found if _stands(notice, open_ones.get(notice.approval))]
    if len(needed) != 1:
        return needed
    try:
        view = read_approval(here.blobs, needed[0].approval)
    except ApprovalMissing:
        return []
    return needed if delivering.is_needed(needed[0], view) else []


def _stands(notice: Notice, item: InboxEntry | None) -> bool:
    if notice.kind not in delivering.ASKS:
        return True
    return item is not None and item.stage == notice.stage and not set(notice.to) <= set(item.decided)


def _again(here: Services, job: dict[str, Any], error: str) -> dict[str, Any]:
    digests.note_failure(here.blobs, job["slot"], error, here.clock())
    return {"outcome": "again", "until": _until(job), "error": error}


def _ended(
    here: Services,
    job: dict[str, Any],
    found: Sequence[Notice],
    outcome: State,
    ids: Set[str],
    error: str | None = None,
) -> dict[str, Any]:
    """Note what became of each message: `outcome` for those of `ids`, the others were not needed any more."""
    failures = digests.state(here.blobs, job["slot"])
    attempts = (failures.attempts if failures else 0) + 1
    at = here.clock()

    def note(notice: Notice) -> None:
        if notice.id in ids:
            changed = notice.changed(state=outcome, attempts=attempts, error=error, at=at)
        else:
            changed = notice.changed(state="obsolete", at=at)
        notices.write(here.blobs, changed)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(note, found))
    if job["part"] == job["parts"] - 1:
        supervised.forget(here.blobs, f"digest-{job['slot']}")
    return {"outcome": outcome, "until": _until(job)} | ({"error": error} if error else {})


def _until(job: dict[str, Any]) -> str:
    return (datetime.fromisoformat(job["ends"]) + PATIENCE).isoformat()

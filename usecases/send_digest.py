"""Send a digest: close its slot, then send each part of what was gathered in it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from adapters.channels import NotSent
from adapters.services import Services
from adapters.settings import SettingError
from invoicing.records.approval import InboxEntry
from invoicing.records.message_steps import ClosedSlot, DeliveryOutcome, DeliveryTry, DigestJob, DigestPart
from invoicing.records.messages import PATIENCE, Notice
from stores import approvals, digests, notices, supervised
from stores.ledgers import ApprovalMissing
from stores.records import RecordDamaged
from usecases import delivering
from usecases.approval_view import read_approval
from usecases.delivering import Envelope

_AT_ONCE = 8


def close_slot(services: Services, job: DigestJob) -> ClosedSlot:
    """Take no more messages into a slot. Repeating it changes nothing."""
    members = digests.close(services.blobs, job.slot)
    if not members:
        supervised.forget(services.blobs, job.instance)
    return ClosedSlot(parts=-(-len(members) // digests.PART))


def send_digest(services: Services, job: DigestPart) -> DeliveryTry:
    """Try to send one part of a digest, and note what became of each of its messages.

    What was decided meanwhile is left out, and a message that is alone then is sent as one that always was. A
    mail that was sent and could not be noted is sent again: with the same Message-ID and the same links.
    Raises only where the storage is away.
    """
    try:
        gathered = digests.part(services.blobs, job.slot, job.part)
        sent = digests.sent(services.blobs, job.slot, job.part)
    except RecordDamaged as error:
        return DeliveryTry(outcome="failed", error=str(error))

    if sent is not None:  # an earlier attempt sent it and died before all was noted
        return _ended(services, job, gathered, "sent", sent)

    needed = _needed(services, gathered)
    ids = frozenset(notice.id for notice in needed)
    if not needed:
        return _ended(services, job, gathered, "obsolete", ids)
    try:
        _deliver(services, job, needed)
    except (NotSent, SettingError) as error:
        if delivering.may_help_again(error) and not job.last:
            return _again(services, job, str(error))
        return _ended(services, job, gathered, "failed", ids, str(error))

    digests.note_sent(services.blobs, job.slot, job.part, ids)
    return _ended(services, job, gathered, "sent", ids)


def _deliver(services: Services, job: DigestPart, needed: Sequence[Notice]) -> None:
    """Raises NotSent, and SettingError where the configuration lacks what messages need."""
    envelope = Envelope(f"{job.instance}-{job.part}", job.ends, (job.part + 1, job.parts))
    if len(needed) == 1:
        (notice,) = needed
        delivering.alone(services, notice, read_approval(services.blobs, notice.approval), envelope)
    else:
        delivering.together(services, needed, envelope)


def _needed(services: Services, gathered: Sequence[Notice]) -> list[Notice]:
    """Those that still make sense: the inbox says so for many at once, the ledger for one alone."""
    entries = approvals.inbox_entries(services.blobs, {notice.approval for notice in gathered})
    needed = [notice for notice in gathered if _stands(notice, entries.get(notice.approval))]
    if len(needed) != 1:
        return needed
    try:
        view = read_approval(services.blobs, needed[0].approval)
    except ApprovalMissing:
        return []
    return needed if delivering.is_needed(needed[0], view) else []


def _stands(notice: Notice, entry: InboxEntry | None) -> bool:
    if notice.kind not in delivering.ASKS:
        return True
    return entry is not None and entry.stage == notice.stage and not set(notice.to) <= set(entry.decided)


def _again(services: Services, job: DigestPart, error: str) -> DeliveryTry:
    digests.note_failure(services.blobs, job.slot, error, services.clock())
    return DeliveryTry(outcome="again", until=_until(job), error=error)


def _ended(
    services: Services,
    job: DigestPart,
    gathered: Sequence[Notice],
    outcome: DeliveryOutcome,
    ids: Set[str],
    error: str | None = None,
) -> DeliveryTry:
    """Note what became of each message: `outcome` for those of `ids`, the others were not needed any more."""
    failure = digests.failure(services.blobs, job.slot)
    attempts = (failure.attempts if failure else 0) + 1
    at = services.clock()

    def note(notice: Notice) -> None:
        if notice.id in ids:
            changed = notice.changed(state=outcome, attempts=attempts, error=error, at=at)
        else:
            changed = notice.changed(state="obsolete", at=at)
        notices.write(services.blobs, changed)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(note, gathered))
    if job.part == job.parts - 1:
        supervised.forget(services.blobs, job.instance)
    return DeliveryTry(outcome=outcome, until=_until(job), error=error)


def _until(job: DigestPart) -> datetime:
    return job.ends + PATIENCE

"""Telling people of what a ledger says: each message is noted, and sent apart from the approval.

It is done by the step that wrote or read the ledger, so that an approval costs one step and not two. Noting a
message writes to the storage that the ledger is in. That its sending cannot be started is no reason to stop
an approval: then the supervisor starts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from adapters import policies
from adapters.services import Services
from invoicing.approval import gathering
from invoicing.approval.gathering import Pace, Slot, Wish
from invoicing.approval.policy import PolicyInvalid
from invoicing.approval.tellings import Telling, tellings
from invoicing.records.message_steps import DIGEST, NOTIFICATION, DigestJob, NotificationJob
from invoicing.records.messages import Channel, InvoiceLine, Notice, notice_id
from invoicing.records.supervision import OpenWork
from stores import digests, notices, supervised, wishes
from stores.blobs import BlobConflict, StorageError
from stores.ledgers import Ledger
from stores.records import RecordDamaged
from usecases.rights import Rights

# So many slots a process remembers to have begun; beyond that, each message starts its digest again.
_MOST_SLOTS = 100_000


def tell(services: Services, ledger: Ledger, after: int, rights: Rights) -> None:
    """Have people told of what is in the ledger behind entry `after`; repeating it tells nobody twice.

    Raises StorageUnavailable.
    """
    found = tellings(
        ledger.request.stages,
        ledger.entries,
        ledger.request.sender,
        after=after,
        away=rights.stand_ins,
        people=rights.people,
    )
    if not found:
        return

    line = notices.line_of(ledger.request)
    wishes_of_people = _Wishes(services)
    for telling in found:
        for notice in _notices(services, ledger.approval, telling, line, wishes_of_people):
            _note(services, notice)


class _Wishes:
    """How people want messages: what they said, else what the policy says."""

    def __init__(self, services: Services) -> None:
        self._stated = wishes.stated(services.blobs)
        try:
            self._people = policies.load(services.settings).people
        except PolicyInvalid:
            self._people = {}  # it cannot be used just now: that is no reason to tell nobody

    def of(self, person: str) -> Wish:
        if person in self._stated:
            return self._stated[person]
        return self._people[person].messages if person in self._people else "digest"


def _notices(
    services: Services, approval: str, telling: Telling, line: InvoiceLine, wishes_of_people: _Wishes
) -> Iterator[Notice]:
    """One message per person and channel; a channel of Teams is read by everybody in it: one card for all."""
    for channel in services.settings.channels.names:
        groups = [telling.to] if channel == "teams" else [(person,) for person in telling.to]
        for to in groups:
            wish = "digest" if channel == "teams" else wishes_of_people.of(to[0])
            yield _notice(services, approval, telling, line, channel, to, wish)


def _notice(
    services: Services,
    approval: str,
    telling: Telling,
    line: InvoiceLine,
    channel: Channel,
    to: tuple[str, ...],
    wish: Wish,
) -> Notice:
    now = services.clock()
    pace = gathering.pace(telling.kind, wish, now, telling.deadline, line.due_date)
    return Notice(
        id=notice_id(approval, telling.seq, telling.kind, channel, to),
        approval=approval,
        entry=telling.seq,
        kind=telling.kind,
        stage=telling.stage,
        channel=channel,
        to=to,
        created=now,
        deadline=telling.deadline,
        author=telling.author,
        comment=telling.comment,
        outcome=telling.outcome,
        line=line,
        slot=_slot(services, pace, channel, to, now),
    )


def _slot(
    services: Services, pace: Pace, channel: Channel, to: tuple[str, ...], now: datetime
) -> Slot | None:
    """With which others a message goes out; None: alone and at once."""
    if pace == "now":
        return None
    longest = services.settings.channels.digest_seconds
    seconds = longest if pace == "slot" else min(longest, int(gathering.SOON.total_seconds()))
    key = gathering.slot_key(channel, () if channel == "teams" else to, seconds)
    return gathering.slot_at(key, seconds, now)


def _note(services: Services, notice: Notice) -> None:
    """Note a message first, so that one whose start gets lost is seen as still queued."""
    noted = _noted(services, notice)
    if noted.state != "queued":
        return  # an earlier attempt of this step had it sent

    if noted.slot is None:
        _start_alone(services, noted)
    else:
        slot = digests.join(services.blobs, noted, noted.slot, services.clock)
        _start_digest(services, slot, noted)


def _noted(services: Services, notice: Notice) -> Notice:
    """The message as it stands in the storage; one that cannot be read is noted anew."""
    try:
        notices.create(services.blobs, notice)
    except BlobConflict:
        try:
            return notices.read(services.blobs, notice.approval, notice.id)
        except RecordDamaged:
            notices.write(services.blobs, notice)
    return notice


def _start_alone(services: Services, notice: Notice) -> None:
    job = NotificationJob(approval=notice.approval, notice=notice.id)
    work = OpenWork(instance=notice.id, orchestrator=NOTIFICATION.name, input=job.as_plain())
    if not _enqueued(services, work):
        supervised.note(services.blobs, work)


def _start_digest(services: Services, slot: Slot, notice: Notice) -> None:
    """Have the digest of a slot started, once for each process.

    Of several steps that add to it at the same moment one starts it. Where that one dies, it is repeated.
    """
    mine = object()
    if services.slots_begun.setdefault(slot.name, mine) is not mine:
        return

    to = () if notice.channel == "teams" else notice.to
    job = DigestJob(slot=slot.name, ends=slot.ends, channel=notice.channel, to=to)
    work = OpenWork(instance=job.instance, orchestrator=DIGEST.name, input=job.as_plain())

    begun = False
    try:
        supervised.note(services.blobs, work)
        begun = _enqueued(services, work)
    finally:
        if not begun or len(services.slots_begun) > _MOST_SLOTS:
            services.slots_begun.pop(slot.name, None)


def _enqueued(services: Services, work: OpenWork) -> bool:
    try:
        services.start_detached(work.orchestrator, work.instance, work.input)
    except StorageError:
        return False
    return True

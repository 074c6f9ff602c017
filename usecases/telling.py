"""Telling people of what a ledger says: each message is noted, and sent apart from the approval.

It is done by the step that wrote or read the ledger, so that an approval costs one step and not two. Noting a
message writes to the storage that the ledger is in. That its sending cannot be started is no reason to stop
an approval: then the supervisor starts it.
"""

from __future__ import annotations

from collections.abc import Iterator

from adapters import policies
from adapters.services import Services
from invoicing.approval import gathering
from invoicing.approval.deciding import StandIns
from invoicing.approval.gathering import Slot, Wish
from invoicing.approval.policy import PolicyInvalid
from invoicing.approval.tellings import Telling, tellings
from invoicing.records.supervision import OpenWork
from stores import digests, notices, supervised, wishes
from stores.blobs import BlobConflict, StorageError
from stores.ledgers import Ledger
from stores.notices import InvoiceLine, Notice
from stores.records import RecordDamaged

# So many slots a process remembers to have begun; beyond that, each message starts its digest again.
_MOST_SLOTS = 100_000


def tell(here: Services, ledger: Ledger, after: int, away: StandIns) -> None:
    """Have people told of what is in the ledger behind entry `after`; repeating it tells nobody twice.

    `away`: who stands in for those who are away. Raises StorageUnavailable.
    """
    found = tellings(
        ledger.request.stages,
        ledger.entries,
        ledger.request.sender,
        after=after,
        away=away,
    )
    if not found:
        return

    line = notices.line_of(ledger.request.as_plain())
    wanted = _Wishes(here)
    for telling in found:
        for notice in _notices(here, ledger.approval, telling, line, wanted):
            _note(here, notice)


class _Wishes:
    """How people want messages: what they said, else what the policy says."""

    def __init__(self, here: Services) -> None:
        self._stated = wishes.stated(here.blobs)
        try:
            self._people = policies.load(here.settings).people
        except PolicyInvalid:
            self._people = {}  # it cannot be used just now: that is no reason to tell nobody

    def of(self, person: str) -> Wish:
        if person in self._stated:
            return self._stated[person]
        return self._people[person].messages if person in self._people else "digest"


def _notices(
    here: Services, approval: str, telling: Telling, line: InvoiceLine, wanted: _Wishes
) -> Iterator[Notice]:
    """One message per person and channel; a channel of Teams is read by everybody in it: one card for all."""
    for channel in here.settings.channels.names:
        groups = [telling.to] if channel == "teams" else [(person,) for person in telling.to]
        for to in groups:
            wish = "digest" if channel == "teams" else wanted.of(to[0])
            yield _notice(here, approval, telling, line, channel, to, wish)


def _notice(
    here: Services,
    approval: str,
    telling: Telling,
    line: InvoiceLine,
    channel: str,
    to: tuple[str, ...],
    wish: Wish,
) -> Notice:
    now = here.clock()
    slot = None
    pace = gathering.pace(telling.kind, wish, now, telling.deadline, line.due_date)
    if pace != "now":
        longest = here.settings.channels.digest_seconds
        seconds = longest if pace == "slot" else min(longest, int(gathering.SOON.total_seconds()))
        key = gathering.slot_key(channel, () if channel == "teams" else to, seconds)
        slot = gathering.slot_at(key, seconds, now)

    return Notice(
        id=notices.notice_id(approval, telling.seq, telling.kind, channel, to),
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
        slot=slot,
    )


def _note(here: Services, notice: Notice) -> None:
    """Note a message first, so that one whose start gets lost is seen as still queued."""
    noted = _noted(here, notice)
    if noted.state != "queued":
        return  # an earlier attempt of this step had it sent

    if noted.slot is None:
        _start_alone(here, noted)
    else:
        slot = digests.join(here.blobs, noted, noted.slot, here.clock)
        _start_digest(here, slot, noted)


def _noted(here: Services, notice: Notice) -> Notice:
    """The message as it stands in the storage; one that cannot be read is noted anew."""
    try:
        notices.create(here.blobs, notice)
    except BlobConflict:
        try:
            return notices.read(here.blobs, notice.approval, notice.id)
        except RecordDamaged:
            notices.write(here.blobs, notice)
    return notice


def _start_alone(here: Services, notice: Notice) -> None:
    job = {"approval": notice.approval, "notice": notice.id}
    work = OpenWork(instance=notice.id, orchestrator="notification", input=job)
    if not _enqueued(here, work):
        supervised.note(here.blobs, work)


def _start_digest(here: Services, slot: Slot, notice: Notice) -> None:
    """Have the digest of a slot started, once for each process.

    Of several steps that add to it at the same moment one starts it. Where that one dies, it is repeated.
    """
    mine = object()
    if here.slots_begun.setdefault(slot.name, mine) is not mine:
        return
    to = [] if notice.channel == "teams" else list(notice.to)
    job = {"slot": slot.name, "ends": slot.ends.isoformat(), "channel": notice.channel, "to": to}
    work = OpenWork(instance=f"digest-{slot.name}", orchestrator="digest", input=job)

    begun = False
    try:
        supervised.note(here.blobs, work)
        begun = _enqueued(here, work)
    finally:
        if not begun or len(here.slots_begun) > _MOST_SLOTS:
            here.slots_begun.pop(slot.name, None)


def _enqueued(here: Services, work: OpenWork) -> bool:
    try:
        here.start_detached(work.orchestrator, work.instance, work.input)
    except StorageError:
        return False
    return True

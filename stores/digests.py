"""Digests in blobs: the messages to a person that fall into one slot of time, until they are sent as one.

    digests/{slot}/waiting/{notice}   a message that waits; its metadata say the same, so that thousands of
                                      them are read by one listing
    digests/{slot}/closing            no more messages: written before the messages are listed
    digests/{slot}/members.json       which messages those were, written once
    digests/{slot}/state.json         why it could not be sent yet
    digests/{slot}/sent-0000          this part of it was sent, with these messages

A message can be added while its slot is being closed. Whoever adds one looks for `closing` afterwards. Not
there: the listing is still to come and will find the message. There: the members say whether it was found,
and one that was not goes into a later slot. So no message is lost, and none is in two digests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from invoicing.approval.gathering import Slot
from invoicing.records.messages import DigestFailure, Notice, SlotMembers
from stores import notices, records
from stores.blobs import BlobConflict, BlobInfo, BlobMissing, Blobs, StorageUnavailable
from stores.records import RecordDamaged

#: By how much the clocks of two machines may differ: so long before its end a slot may be closed already.
CLOCKS_DIFFER = timedelta(seconds=30)
#: Messages in one mail; what is more comes in another one.
PART = 250

# The metadata of a blob holds 8 KiB.
_LARGEST_METADATA = 7000


_FAILURE = TypeAdapter(DigestFailure)
_MEMBERS = TypeAdapter(SlotMembers)


def join(blobs: Blobs, notice: Notice, slot: Slot, clock: Callable[[], datetime]) -> Slot:
    """Add a noted message to its slot, or to a later one where that is closed; returns which it was.

    Repeating it adds nothing. Raises StorageUnavailable while the slot is being closed: try again in a
    moment.
    """
    while True:
        _add(blobs, notice, slot)

        may_be_closed = clock() >= slot.ends - CLOCKS_DIFFER
        if not may_be_closed or not blobs.exists(_closing_name(slot.name)):
            return slot
        if notice.id in members(blobs, slot.name):
            return slot

        slot = slot.following(clock())
        # Before it is added there: a repeated step has to find the slot that was chosen first.
        notice = notice.changed(slot=slot)
        notices.write(blobs, notice)


def close(blobs: Blobs, slot: str) -> tuple[str, ...]:
    """Take no more messages into a slot; returns the ids of those in it. Repeating it returns the same."""
    blobs.write(_closing_name(slot), b"")

    prefix = _waiting_name(slot)
    found = tuple(blob.name.removeprefix(prefix) for blob in blobs.list(prefix))
    try:
        blobs.create(_members_name(slot), SlotMembers(notices=found).as_json())
    except BlobConflict:
        return members(blobs, slot)
    return found


def members(blobs: Blobs, slot: str) -> tuple[str, ...]:
    """The ids of the messages of a closed slot.

    Raises StorageUnavailable where it is not closed yet, and RecordDamaged.
    """
    try:
        return _ids(blobs, _members_name(slot))
    except BlobMissing as error:
        raise StorageUnavailable(f"slot {slot} is being closed") from error


def part(blobs: Blobs, slot: str, number: int) -> list[Notice]:
    """The messages of a part of a closed slot, as they were when they were added; the first part is 0.

    One that cannot be read is logged and left out. Raises as `members`.
    """
    prefix = _waiting_name(slot)
    wanted = set(members(blobs, slot)[number * PART : (number + 1) * PART])
    listed = [blob for blob in blobs.list(prefix) if blob.name.removeprefix(prefix) in wanted]

    def read(blob: BlobInfo) -> Notice:
        return notices.from_json(blob.name, blob.metadata.get("notice") or blobs.read(blob.name))

    return records.each(listed, read).found


def waiting(blobs: Blobs, slot: str) -> int:
    """How many messages wait in a slot."""
    return sum(1 for _ in blobs.list(_waiting_name(slot)))


def sent(blobs: Blobs, slot: str, number: int) -> frozenset[str] | None:
    """The ids of the messages that were in a part when it was sent; None where it was not sent yet.

    Raises RecordDamaged.
    """
    try:
        return frozenset(_ids(blobs, _sent_name(slot, number)))
    except BlobMissing:
        return None


def note_sent(blobs: Blobs, slot: str, number: int, ids: Collection[str]) -> None:
    """Note that a part was sent with these messages: from now on it is not sent again."""
    blobs.write(_sent_name(slot, number), SlotMembers(notices=tuple(sorted(ids))).as_json())


def note_failure(blobs: Blobs, slot: str, error: str, at: datetime) -> DigestFailure:
    """Note that the digest could not be sent this time."""
    before = failure(blobs, slot)
    after = DigestFailure(attempts=before.attempts + 1 if before else 1, error=error, at=at)
    blobs.write(_state_name(slot), after.as_json())
    return after


def failure(blobs: Blobs, slot: str) -> DigestFailure | None:
    """Why the digest could not be sent so far; None where nothing went wrong, or it cannot be read."""
    name = _state_name(slot)
    try:
        return records.from_json(_FAILURE, name, blobs.read(name))
    except (BlobMissing, RecordDamaged):
        return None


def as_it_is(blobs: Blobs, found: list[Notice]) -> list[Notice]:
    """Messages with what went wrong with the digests that they wait for."""
    slots = {notice.slot for notice in found if notice.state == "queued" and notice.slot}
    failures = {slot: failure(blobs, slot.name) for slot in slots}
    return [_as_its_digest(notice, failures.get(notice.slot)) if notice.slot else notice for notice in found]


def _as_its_digest(notice: Notice, failed: DigestFailure | None) -> Notice:
    if failed is None or notice.state != "queued":
        return notice

    return notice.changed(state="retrying", attempts=failed.attempts, error=failed.error, at=failed.at)


def _ids(blobs: Blobs, name: str) -> tuple[str, ...]:
    return records.from_json(_MEMBERS, name, blobs.read(name)).notices


def _folder(slot: str) -> str:
    return f"digests/{slot}/"


def _waiting_name(slot: str, notice: str = "") -> str:
    """The blob of a message that waits; without `notice`, the prefix of all."""
    return f"{_folder(slot)}waiting/{notice}"


def _closing_name(slot: str) -> str:
    return f"{_folder(slot)}closing"


def _members_name(slot: str) -> str:
    return f"{_folder(slot)}members.json"


def _state_name(slot: str) -> str:
    return f"{_folder(slot)}state.json"


def _sent_name(slot: str, part: int) -> str:
    return f"{_folder(slot)}sent-{part:04d}"


def _add(blobs: Blobs, notice: Notice, slot: Slot) -> None:
    # Metadata travels as an HTTP header, hence ASCII: json.dumps escapes the rest.
    text = json.dumps(notice.as_plain())
    metadata = {"notice": text} if len(text) <= _LARGEST_METADATA else None

    blobs.write(_waiting_name(slot.name, notice.id), text.encode(), metadata)

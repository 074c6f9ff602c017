"""Legal holds: a record for each batch, document of a batch, or invoice that was ever held; kept for good."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import TypeAdapter

from invoicing.records.retention import Hold, HoldEvent
from stores import records
from stores.blobs import BlobConflict, BlobInfo, BlobMissing, Blobs, StorageUnavailable
from stores.records import Listed

_HOLDS = "holds/"
# Another may write between our read and our write; each try then starts from what it wrote.
_TRIES = 10

_HOLD = TypeAdapter(Hold)


def of(blobs: Blobs, holdable: str) -> Hold | None:
    """What is known of the holds of one thing; None where it was never held. Raises RecordDamaged."""
    try:
        return _parsed(_name(holdable), blobs.read(_name(holdable)))
    except BlobMissing:
        return None


def change(blobs: Blobs, holdable: str, event: Callable[[Hold], HoldEvent | None]) -> Hold:
    """Add an event to the record, decided on all before; None adds nothing. Returns the record.

    What `event` raises passes through. Raises StorageUnavailable where others keep writing.
    """
    name = _name(holdable)
    for _ in range(_TRIES):
        before, etag = _read(blobs, holdable)
        new = event(before)
        if new is None:
            return before
        after = before.model_copy(update={"events": (*before.events, new)})
        try:
            if etag is None:
                blobs.create(name, after.as_json())
            else:
                blobs.replace(name, after.as_json(), etag)
        except BlobConflict:
            continue
        return after
    raise StorageUnavailable(f"{name}: others keep writing it; try again")


def on_thing(blobs: Blobs, thing: str) -> list[Hold]:
    """What holds a batch or an invoice now: itself, or one of its documents. Raises RecordDamaged."""
    found = [_parsed(blob.name, blobs.read(blob.name)) for blob in list(blobs.list(_name(thing)[:-5]))]
    return [hold for hold in found if hold.is_held]


def all_of(blobs: Blobs, most: int) -> Listed[Hold]:
    """The records of holds, as many as `most`, those that hold now first; damaged ones are named."""

    def read(blob: BlobInfo) -> Hold | None:
        try:
            return _parsed(blob.name, blobs.read(blob.name))
        except BlobMissing:
            return None

    names = [blob for _, blob in zip(range(most), blobs.list(_HOLDS), strict=False)]
    listed = records.each(names, read)
    return Listed(sorted(listed.found, key=lambda hold: (not hold.is_held, hold.id)), listed.damaged)


def held_ids(blobs: Blobs) -> list[str]:
    """The ids of all that was ever held; one listing, no blob is read."""
    return [blob.name.removeprefix(_HOLDS).removesuffix(".json") for blob in blobs.list(_HOLDS)]


def _read(blobs: Blobs, holdable: str) -> tuple[Hold, str | None]:
    name = _name(holdable)
    try:
        data, etag = blobs.read_with_etag(name)
    except BlobMissing:
        return Hold(id=holdable, events=()), None
    return _parsed(name, data), etag


def _parsed(name: str, data: bytes) -> Hold:
    return records.from_json(_HOLD, name, data)


def _name(holdable: str) -> str:
    return f"{_HOLDS}{holdable}.json"

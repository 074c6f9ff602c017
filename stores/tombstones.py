"""What stands in the place of things that were purged, so that nobody takes them for unknown."""

from __future__ import annotations

from pydantic import TypeAdapter

from invoicing.records.retention import PurgedPart, Tombstone
from stores import records
from stores.blobs import BlobMissing, Blobs

_TOMBSTONE = TypeAdapter(Tombstone)


def of(blobs: Blobs, thing: str, part: PurgedPart = "all") -> Tombstone | None:
    """What says that a thing, or that its documents alone, were purged; None: they were not.

    Raises RecordDamaged.
    """
    name = _name(thing, part)
    try:
        return records.from_json(_TOMBSTONE, name, blobs.read(name))
    except BlobMissing:
        return None


def is_there(blobs: Blobs, thing: str, part: PurgedPart = "all") -> bool:
    """Say whether there is one; it is not read."""
    return blobs.exists(_name(thing, part))


def put(blobs: Blobs, tombstone: Tombstone) -> None:
    """Write a tombstone, over the one from before: only the one run of retention writes them."""
    blobs.write(_name(tombstone.id, tombstone.part), tombstone.as_json())


def take_away(blobs: Blobs, tombstone: Tombstone) -> None:
    """A purge is called off before anything was deleted."""
    blobs.delete(_name(tombstone.id, tombstone.part))


def _name(thing: str, part: PurgedPart) -> str:
    return f"purged/{thing}.json" if part == "all" else f"purged/{thing}-documents.json"

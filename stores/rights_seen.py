"""Who had the right to decide when open approvals were last looked through for it."""

from __future__ import annotations

from pydantic import TypeAdapter

from invoicing.records.rights import RightsSeen
from stores import records
from stores.blobs import BlobMissing, Blobs

RIGHTS = "rights-seen.json"

_SEEN = TypeAdapter(RightsSeen)


def seen(blobs: Blobs) -> RightsSeen | None:
    """What was seen last; None where nobody has looked yet, or the record is damaged: then all is new."""
    try:
        return records.from_json(_SEEN, RIGHTS, blobs.read(RIGHTS))
    except (BlobMissing, records.RecordDamaged):
        return None


def note(blobs: Blobs, rights: RightsSeen) -> None:
    """Keep what was seen."""
    blobs.write(RIGHTS, rights.as_json())

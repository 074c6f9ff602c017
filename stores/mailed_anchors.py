"""To whom the hash of the newest anchor was mailed: one small blob beside the anchors."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pydantic import TypeAdapter

from invoicing.approval.anchors import Anchor
from invoicing.records.ledger import AnchorMailed
from stores import records
from stores.blobs import BlobMissing, Blobs
from stores.records import RecordDamaged

MAILED = "anchors/mailed.json"

_MAILED = TypeAdapter(AnchorMailed)


def mailed_to(blobs: Blobs, anchor: Anchor) -> list[str]:
    """Who has got the hash of this very anchor; a note that cannot be read counts as none."""
    try:
        note = records.from_json(_MAILED, MAILED, blobs.read(MAILED))
    except BlobMissing:
        return []
    except RecordDamaged:
        logging.warning("%s cannot be read: the newest anchor is mailed again", MAILED)
        return []
    return list(note.to) if note.sha256 == anchor.sha256 else []


def note_mailed(blobs: Blobs, anchor: Anchor, to: Sequence[str]) -> None:
    """Note who has got the hash of an anchor, over what was noted of the one before."""
    note = AnchorMailed(number=anchor.header.number, sha256=anchor.sha256, to=tuple(to))
    blobs.write(MAILED, note.as_json())

"""Absences: who is away until when, and who decides meanwhile. One small blob for each person."""

from __future__ import annotations

from pydantic import TypeAdapter

from invoicing.records.absence import Absence
from stores import approval_names, records
from stores.blobs import BlobInfo, BlobMissing, Blobs
from stores.records import Listed

_ABSENCE = TypeAdapter(Absence)


def all_of(blobs: Blobs) -> Listed[Absence]:
    """All absences that were noted, also those that are over, with the names of those that cannot be read.

    One that cannot be read lets nobody decide.
    """

    def read(blob: BlobInfo) -> Absence | None:
        try:
            return records.from_json(_ABSENCE, blob.name, blobs.read(blob.name))
        except BlobMissing:
            return None  # it was ended between the listing and now

    return records.each(blobs.list(approval_names.ABSENCES), read)


def note(blobs: Blobs, absence: Absence) -> None:
    """Note that somebody is away, over what was noted of them before."""
    blobs.write(approval_names.absence(absence.who), _ABSENCE.dump_json(absence))


def end(blobs: Blobs, who: str) -> None:
    """Somebody is back; who was not away still is not."""
    blobs.delete(approval_names.absence(who))

"""What is answered for things that were archived and purged: never that they are unknown."""

from __future__ import annotations

from invoicing.approval import names
from invoicing.records.retention import PurgedPart, Tombstone
from stores import tombstones
from stores.blobs import Blobs
from stores.records import RecordDamaged
from usecases.refusals import Gone, NotNow


def refuse_purged(blobs: Blobs, thing: str, part: PurgedPart = "all") -> None:
    """Raise Gone where a batch or an invoice, or its documents alone, were purged."""
    found = tombstones.of(blobs, thing, part)
    if found is not None:
        raise gone(found)


def gone(tombstone: Tombstone) -> Gone:
    """What is answered for it."""
    record = tombstone.record
    detail = {"archive": record.name, "container": tombstone.container} if record else None
    return Gone("archived", tombstone.text, detail)


def refuse_purged_documents(blobs: Blobs, thing: str) -> None:
    """Raise Gone where the documents of a thing are not there because they were purged, alone or with it."""
    refuse_purged(blobs, thing)
    refuse_purged(blobs, thing, "documents")


def purged_text(blobs: Blobs, reference: str) -> str | None:
    """What is said of the purged document of an invoice; None where none was purged, or nobody can tell."""
    thing = names.parse_reference(reference).owner
    try:
        found = tombstones.of(blobs, thing) or tombstones.of(blobs, thing, "documents")
    except RecordDamaged:
        return None
    return found.text if found else None


def refuse_while_purged(blobs: Blobs, thing: str) -> None:
    """Refuse to begin a thing anew that is purged, or is being purged. Raises Gone and NotNow.

    To be called after its work was noted: a purge that begins later sees the note, and is called off.
    """
    refuse_purged(blobs, thing)
    documents = tombstones.of(blobs, thing, "documents")
    if documents is not None and documents.stage != "purged":
        raise NotNow("being_purged", "Its documents are being purged just now. Try again in a minute.")

"""Purge one thing: archive it, mark it, delete it; in an order that a repeated run can finish.

    archive written and read back -> tombstone "marked" -> looked once more whether it is held or open
      -> tombstone "deleting" -> record, messages, documents and results, routes -> tombstone "purged"
      -> its mark in the list of batches

The tombstone comes before anything is deleted, and the doors answer with it as soon as the record is gone,
which is deleted first. So what is half deleted is never shown. Whoever holds the thing, or begins it anew,
writes that first and looks for the tombstone then; the purge does it the other way round. So one of the two
sees the other.

Ledgers, requests, bookings, payables, claims and accounts of suppliers stay for good (`docs/retention.md`).
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from invoicing.records.batch import BatchRecord, Manifest
from invoicing.records.invoice import InvoiceRecord
from invoicing.records.retention import KeptThing, PurgeCounts, PurgedPart, Tombstone
from invoicing.retention import names
from invoicing.retention.terms import Goes, Terms, ThingFacts, Verdict, verdict
from stores import holds, notices, records, retention_runs, supervised, things, tombstones
from stores.blobs import BlobInfo, BlobMissing, Blobs
from stores.things import Folder, OpenNow
from usecases.archive_thing import Source, StillOpen, approvals_of, archive_documents, archive_thing

_DELETES_AT_ONCE = 8
_BATCH = TypeAdapter(BatchRecord)
_INVOICE = TypeAdapter(InvoiceRecord)
_MANIFEST = TypeAdapter(Manifest)


@dataclass(frozen=True)
class Place:
    """Where things are purged from, and where to: the storage, the archive and its name, and the terms.

    `window`: of the run that does it, by which a step that is repeated knows what it counted.
    """

    blobs: Blobs
    archive: Blobs
    container: str
    terms: Terms
    archive_documents: bool
    window: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a thing: it was purged, it stays for a reason, or neither (it is too young)."""

    counts: PurgeCounts | None = None
    kept: KeptThing | None = None


def purge_thing(place: Place, thing: str, is_open: OpenNow, now: datetime) -> Outcome:
    """Archive and purge a thing, as far as it may go now; what an earlier run began is finished.

    Repeating it gives the same counts. Raises RecordDamaged, ArchiveDiffers, and what the storage raises.
    """
    begun = tombstones.of(place.blobs, thing)
    if begun is not None:
        return _finished(place, begun)
    return _begun(place, thing, is_open, now)


def _begun(place: Place, thing: str, is_open: OpenNow, now: datetime) -> Outcome:
    blobs = place.blobs
    folder = things.folder_of(blobs, thing)
    created = _created(blobs, folder, thing)
    if created is None:
        return Outcome(kept=KeptThing(id=thing, why="fault", text="Its record is missing."))

    alone = tombstones.of(blobs, thing, "documents")
    if alone is not None and (alone.stage != "purged" or alone.window == place.window):
        return _finished(place, alone)

    facts = _facts(blobs, thing, folder, created, is_open, documents_gone=alone is not None)
    found = verdict(facts, place.terms, now)
    if found.goes == "nothing":
        return _stays(thing, found)
    try:
        marked = _archived(place, thing, folder, created, found.goes, alone, now)
    except StillOpen as error:
        return Outcome(kept=KeptThing(id=thing, why=error.why))
    tombstones.put(blobs, marked)
    return _finished(place, marked)


def _stays(thing: str, found: Verdict) -> Outcome:
    return Outcome(kept=KeptThing(id=thing, why=found.why)) if found.why else Outcome()


# ---------------------------------------------------------------- what is known


def _created(blobs: Blobs, folder: Folder, thing: str) -> datetime | None:
    """When a thing was taken in; None where its record is not there. Raises RecordDamaged."""
    try:
        data = blobs.read(folder.record)
    except BlobMissing:
        return None
    if names.kind_of(thing) == "batch":
        return records.from_json(_BATCH, folder.record, data).created
    return records.from_json(_INVOICE, folder.record, data).created


def _facts(
    blobs: Blobs, thing: str, folder: Folder, created: datetime, is_open: OpenNow, *, documents_gone: bool
) -> ThingFacts:
    kind = names.kind_of(thing)
    approvals = things.approvals_of_invoice(blobs, thing) if kind == "invoice" else []
    payables = things.payables_of(blobs, thing)
    changed = [folder.changed or created]
    for approval in approvals:
        changed += [blob.modified or created for blob in things.ledger_of(blobs, approval)]
    booked = [blob.modified or created for blob in payables]
    return ThingFacts(
        kind=kind,
        changed=max(*changed, *booked, created),
        held=thing in is_open.once_held and bool(holds.on_thing(blobs, thing)),
        under_way=thing in is_open.under_way,
        has_case=thing in is_open.cases,
        open_approvals=sum(approval in is_open.approvals for approval in approvals),
        payables=len(payables),
        booked=max(booked, default=None),
        documents_gone=documents_gone,
    )


# ---------------------------------------------------------------- archive


def _archived(
    place: Place,
    thing: str,
    folder: Folder,
    created: datetime,
    goes: Goes,
    alone: Tombstone | None,
    now: datetime,
) -> Tombstone:
    """Archive what goes; returns the tombstone that is to be put in its place."""
    source = Source(place.blobs, place.archive, folder, thing)
    documents = archive_documents(source) if place.archive_documents else ()
    part: PurgedPart = "all" if goes == "all" else "documents"
    record = None
    if part == "all":
        earlier = alone.documents if alone else ()
        record = archive_thing(source, (*earlier, *documents), now)
    gone = list(folder.blobs) if part == "all" else folder.documents
    if part == "all":
        gone += _messages(place.blobs, approvals_of(place.blobs, folder, thing))
        gone += [BlobInfo("", 0)] if names.kind_of(thing) == "batch" else []  # its mark in the list
    return Tombstone(
        id=thing,
        kind=names.kind_of(thing),
        part=part,
        stage="marked",
        at=now,
        created=created,
        record=record,
        documents=documents,
        container=place.container,
        window=place.window,
        counts=_counts(place.blobs, thing, folder, part, gone),
    )


def _counts(blobs: Blobs, thing: str, folder: Folder, part: PurgedPart, gone: list[BlobInfo]) -> PurgeCounts:
    kind = names.kind_of(thing)
    return PurgeCounts(
        batches=int(part == "all" and kind == "batch"),
        invoices=int(part == "all" and kind == "invoice"),
        documents=_documents(blobs, folder) if folder.documents else 0,
        blobs=len(gone),
        bytes=sum(blob.size for blob in gone),
    )


def _documents(blobs: Blobs, folder: Folder) -> int:
    """How many documents a thing has; none where a batch was never unpacked."""
    if folder.record.endswith("invoice.json"):
        return 1
    name = f"{folder.prefix}manifest.json"
    if not any(blob.name == name for blob in folder.blobs):
        return 0
    return records.from_json(_MANIFEST, name, blobs.read(name)).documents


def _messages(blobs: Blobs, approvals: Iterable[str]) -> list[BlobInfo]:
    return [blob for approval in approvals for blob in blobs.list(notices.blob_name(approval))]


# ---------------------------------------------------------------- deleting


def _finished(place: Place, begun: Tombstone) -> Outcome:
    """Go on with a purge from wherever it is; it may be called off as long as nothing is deleted."""
    blobs = place.blobs
    if begun.stage == "marked":
        kept = _kept_after_all(blobs, begun)
        if kept is not None:
            tombstones.take_away(blobs, begun)
            return Outcome(kept=kept)
        begun = begun.model_copy(update={"stage": "deleting", "window": place.window})
        tombstones.put(blobs, begun)

    if begun.stage == "deleting":
        if begun.part == "all":
            _delete_all(blobs, begun)
            retention_runs.leave_instances(blobs, begun.id)
        else:
            _delete(blobs, things.folder_of(blobs, begun.id).documents)
        begun = begun.model_copy(update={"stage": "purged", "window": place.window})
        tombstones.put(blobs, begun)

    if begun.kind == "batch" and begun.part == "all":
        things.forget_batch(blobs, begun.id, begun.created)
    # What an earlier window purged was counted there; only its mark in the list may have been left.
    return Outcome(counts=begun.counts if begun.window == place.window else None)


def _kept_after_all(blobs: Blobs, begun: Tombstone) -> KeptThing | None:
    """Why a thing stays that was marked: somebody held it, or began it anew, meanwhile."""
    if holds.on_thing(blobs, begun.id):
        return KeptThing(id=begun.id, why="hold")
    if supervised.has_work(blobs, begun.id):
        return KeptThing(id=begun.id, why="run")
    return None


def _delete_all(blobs: Blobs, begun: Tombstone) -> None:
    """The record first, the routes last: they say which approvals had messages."""
    folder = things.folder_of(blobs, begun.id)
    blobs.delete(folder.record)
    _delete(blobs, _messages(blobs, approvals_of(blobs, folder, begun.id)))
    routes = [blob for blob in folder.blobs if folder.short(blob.name).startswith("routing/")]
    _delete(blobs, [blob for blob in folder.blobs if blob not in routes and blob.name != folder.record])
    _delete(blobs, routes)


def _delete(blobs: Blobs, some: list[BlobInfo]) -> None:
    if len(some) <= _DELETES_AT_ONCE:
        for blob in some:
            blobs.delete(blob.name)
        return

    def delete(blob: BlobInfo) -> None:
        blobs.delete(blob.name)

    with ThreadPoolExecutor(_DELETES_AT_ONCE) as pool:
        list(pool.map(delete, some))

"""Batches and invoices that came alone, as retention sees them: their blobs, and what they have open.

A batch is found by its mark in the list of batches, which is deleted last; an invoice by whatever is left in
its folder. So what a run left half done is found again by the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from invoicing.approval import names as approval_ids
from invoicing.records.retention import ThingKind
from invoicing.retention import names
from stores import approval_names, batch_names, holds, payables, supervised
from stores.blobs import BlobInfo, Blobs
from stores.naming import moment_of_name

_INVOICES = "invoices/"
# By the first part of their names: of a batch, and of an invoice.
_DOCUMENTS = ("upload.zip", "source", "dead", "places", "document")


@dataclass(frozen=True)
class Candidates:
    """A page of a listing: ids of things that are old by their age, and the token of the next page.

    `oldest_young`: when the oldest of those that are too young was taken in.
    """

    ids: tuple[str, ...]
    next_page: str | None
    oldest_young: datetime | None


def candidates(blobs: Blobs, kind: ThingKind, page: str | None, size: int, before: datetime) -> Candidates:
    """The things of a page of the listing that were taken in before a moment, as far as the listing tells.

    Raises StorageRefused for a token that is not ours.
    """
    prefix = batch_names.INDEX if kind == "batch" else _INVOICES
    found = blobs.page(prefix, size, page)
    born = _batches_born(found.blobs) if kind == "batch" else _invoices_born(found.blobs)
    young = [at for at in born.values() if at is not None and at >= before]
    old = tuple(thing for thing, at in born.items() if at is None or at < before)
    return Candidates(old, found.next_token, min(young, default=None))


def _batches_born(listed: Iterable[BlobInfo]) -> dict[str, datetime | None]:
    """When each batch was taken in, by the name of its mark."""
    born: dict[str, datetime | None] = {}
    for blob in listed:
        beginning, _, batch = blob.name.removeprefix(batch_names.INDEX).partition("-")
        if names.is_thing(batch):
            born[batch] = moment_of_name(beginning)
    return born


def _invoices_born(listed: Iterable[BlobInfo]) -> dict[str, datetime | None]:
    """When each invoice was last written to, by its folder; None where the listing does not say."""
    born: dict[str, datetime | None] = {}
    for blob in listed:
        invoice = blob.name.removeprefix(_INVOICES).partition("/")[0]
        if not names.is_thing(invoice):
            continue
        known = born.get(invoice)
        later = known is None or (blob.modified is not None and blob.modified > known)
        if invoice not in born or later:
            born[invoice] = blob.modified
    return born


# ---------------------------------------------------------------- the blobs of one thing


@dataclass(frozen=True)
class Folder:
    """The blobs of a thing's own folder."""

    prefix: str
    record: str
    blobs: tuple[BlobInfo, ...]

    @property
    def documents(self) -> list[BlobInfo]:
        """Those that hold documents as they came, or say where in them each lies."""
        return [blob for blob in self.blobs if self.short(blob.name).partition("/")[0] in _DOCUMENTS]

    def short(self, name: str) -> str:
        """The name of a blob within the folder."""
        return name.removeprefix(self.prefix)

    @property
    def changed(self) -> datetime | None:
        """When something in it was last written; None where the listing does not say."""
        return max((blob.modified for blob in self.blobs if blob.modified is not None), default=None)


def folder_of(blobs: Blobs, thing: str) -> Folder:
    """What is in the folder of a thing; one listing."""
    prefix = f"batches/{thing}/" if names.kind_of(thing) == "batch" else f"{_INVOICES}{thing}/"
    record = "batch.json" if names.kind_of(thing) == "batch" else "invoice.json"
    return Folder(prefix, f"{prefix}{record}", tuple(blobs.list(prefix)))


def payables_of(blobs: Blobs, thing: str) -> list[BlobInfo]:
    """The payables of a thing; one listing."""
    return list(blobs.list(f"{payables.PAYABLES}{thing}"))


def ledger_of(blobs: Blobs, approval: str) -> list[BlobInfo]:
    """The entries of the ledger of an approval; one listing."""
    return list(blobs.list(approval_names.ledger(approval)))


def booking_units(blobs: Blobs, thing: str) -> dict[str, list[str]]:
    """The ledgers of what was booked of a thing without a person: the names of the entries by the unit."""
    found: dict[str, list[str]] = {}
    for blob in blobs.list(f"{approval_names.BOOKINGS}{thing}"):
        unit = blob.name.removeprefix(approval_names.BOOKINGS).partition("/")[0]
        found.setdefault(unit, []).append(blob.name)
    return found


def forget_batch(blobs: Blobs, batch: str, created: datetime) -> None:
    """Take a batch out of the list of batches."""
    blobs.delete(batch_names.index(batch, created))


# ---------------------------------------------------------------- what is open


@dataclass(frozen=True)
class OpenNow:
    """The things that have something open, as a few listings say; whoever deletes looks again."""

    under_way: frozenset[str] = frozenset()
    cases: frozenset[str] = frozenset()
    once_held: frozenset[str] = frozenset()
    approvals: frozenset[str] = frozenset()


def open_now(blobs: Blobs) -> OpenNow:
    """What is open in the whole storage; four listings, and only the cases are read."""
    return OpenNow(
        under_way=_things(supervised.instances_under_way(blobs)),
        cases=_things(supervised.instances_with_cases(blobs)),
        once_held=_things(holds.held_ids(blobs)),
        approvals=frozenset(
            blob.name.removeprefix(approval_names.INBOX) for blob in blobs.list(approval_names.INBOX)
        ),
    )


def _things(ids: Iterable[str]) -> frozenset[str]:
    """The things that instances or holds belong to: their ids begin with that of the thing."""
    return frozenset(found[: names.LENGTH] for found in ids)


def approvals_of_invoice(blobs: Blobs, invoice: str) -> list[str]:
    """The approvals of an invoice that came alone: one for each time that it was routed to people."""
    found: list[str] = []
    while blobs.exists(approval_names.request(approval_ids.approval_id(invoice, len(found) + 1))):
        found.append(approval_ids.approval_id(invoice, len(found) + 1))
    return found

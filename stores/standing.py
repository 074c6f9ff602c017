"""Addresses that are told of every end of a kind, one blob each."""

from __future__ import annotations

import contextlib

from pydantic import TypeAdapter

from invoicing.callbacks.subscriptions import url_key
from invoicing.records.callbacks import Standing, StandingKind
from stores import records
from stores.blobs import BlobConflict, BlobMissing, Blobs
from stores.records import Listed

_FOLDER = "standing-callbacks/"
_STANDING = TypeAdapter(Standing)


def keep(blobs: Blobs, standing: Standing) -> None:
    """Keep an address; what is there already stays."""
    with contextlib.suppress(BlobConflict):
        blobs.create(_name(standing.kind, url_key(standing.url)), standing.as_json())


def read(blobs: Blobs, kind: StandingKind, key: str) -> Standing | None:
    """One address; None where there is none. Raises RecordDamaged."""
    name = _name(kind, key)
    try:
        return records.from_json(_STANDING, name, blobs.read(name))
    except BlobMissing:
        return None


def remove(blobs: Blobs, kind: StandingKind, key: str) -> None:
    """Tell an address nothing more of what begins from now on."""
    blobs.delete(_name(kind, key))


def of_kind(blobs: Blobs, kind: StandingKind) -> Listed[Standing]:
    """All addresses of a kind, the oldest first; mostly there is none, which is one listing."""
    names = [blob.name for blob in blobs.list(f"{_FOLDER}{kind}/")]

    def one(name: str) -> Standing | None:
        try:
            return records.from_json(_STANDING, name, blobs.read(name))
        except BlobMissing:
            return None  # it was removed between the listing and now

    found = records.each(names, one)
    return Listed(sorted(found.found, key=lambda one: (one.created, one.id)), found.damaged)


def _name(kind: StandingKind, key: str) -> str:
    return f"{_FOLDER}{kind}/{key}.json"

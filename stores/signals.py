"""Signals and those who wait for them, in one folder for each kind and key.

    signals/{kind}/{key}/came/{id}      a signal, written once; `key` and `id` are hashes
    signals/{kind}/{key}/waits/{event}  a workflow that waits, or that has waited, and what it was given

Their metadata say what is in them, so that one listing reads thousands. What was given to a wait stays until
it is too old: the same signal may come again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from pydantic import TypeAdapter

from invoicing.records.signals import Signal, SignalWait
from invoicing.signals.keys import id_hash, key_hash
from stores import records
from stores.blobs import BlobInfo, BlobMissing, Blobs
from stores.records import Record

SIGNALS = "signals/"
_SAID = "said"
# The metadata of a blob holds 8 KiB.
_LARGEST_METADATA = 7000

_SIGNAL = TypeAdapter(Signal)
_WAIT = TypeAdapter(SignalWait)


@dataclass(frozen=True)
class Folder:
    """All that is stored for a kind and a key: signals by the hash of their id, and waits.

    `prefix`: how the names of its blobs begin.
    """

    prefix: str
    came: dict[str, Signal] = field(default_factory=dict[str, Signal])
    waits: list[SignalWait] = field(default_factory=list[SignalWait])


def create(blobs: Blobs, signal: Signal) -> None:
    """Keep a signal. Raises BlobConflict where one of its kind, key and id is there, and StorageError."""
    blobs.create(_came(signal), *_said(signal))


def read(blobs: Blobs, signal: Signal) -> Signal:
    """The signal that is kept under the same kind, key and id. Raises BlobMissing, RecordDamaged."""
    name = _came(signal)
    return records.from_json(_SIGNAL, name, blobs.read(name))


def waiting(blobs: Blobs, kind: str, key: str) -> list[SignalWait]:
    """Who waits for a kind and a key now; one listing. A note that is damaged is logged and left out."""
    found = _each(blobs, _WAIT, blobs.list(f"{_folder(kind, key)}waits/"))
    return [wait for wait in found.values() if wait.ended is None]


def note(blobs: Blobs, wait: SignalWait) -> None:
    """Keep how a wait stands, over what was known of it."""
    blobs.write(_wait(wait), *_said(wait))


def wait_of(blobs: Blobs, wait: SignalWait) -> SignalWait | None:
    """How a wait stands; None where it is not noted. Raises RecordDamaged."""
    name = _wait(wait)
    try:
        return records.from_json(_WAIT, name, blobs.read(name))
    except BlobMissing:
        return None


def forget_wait(blobs: Blobs, wait: SignalWait) -> None:
    """Remove a wait; what it was given is as if nobody had it."""
    blobs.delete(_wait(wait))


def forget(blobs: Blobs, signal: Signal) -> None:
    """Remove a signal."""
    blobs.delete(_came(signal))


def folder(blobs: Blobs, kind: str, key: str) -> Folder:
    """All that is stored for a kind and a key; one listing, unless something is large."""
    prefix = _folder(kind, key)
    return _read(blobs, prefix, blobs.list(prefix))


def folders(blobs: Blobs) -> Iterator[Folder]:
    """All there are, one after the other, as they are listed."""
    for prefix, found in groupby(blobs.list(SIGNALS), key=lambda blob: _folder_of(blob.name)):
        yield _read(blobs, prefix, found)


def name_of(signal: Signal) -> str:
    """The name of a signal in its folder."""
    return id_hash(signal.id)


def _read(blobs: Blobs, prefix: str, listed: Iterable[BlobInfo]) -> Folder:
    came: list[BlobInfo] = []
    waits: list[BlobInfo] = []
    for blob in listed:
        (came if blob.name.startswith(f"{prefix}came/") else waits).append(blob)
    return Folder(prefix, _each(blobs, _SIGNAL, came), list(_each(blobs, _WAIT, waits).values()))


def _each(blobs: Blobs, kind: TypeAdapter[Record], listed: Iterable[BlobInfo]) -> dict[str, Record]:
    """Records by the last part of their names; what is damaged is logged and left out."""

    def one(blob: BlobInfo) -> tuple[str, Record] | None:
        try:
            text = blob.metadata.get(_SAID) or blobs.read(blob.name)
        except BlobMissing:
            return None  # it was removed meanwhile
        return blob.name.rpartition("/")[2], records.from_json(kind, blob.name, text)

    return dict(records.each(listed, one).found)


def _said(record: Signal | SignalWait) -> tuple[bytes, dict[str, str] | None]:
    """What is stored of a record, and the metadata that save reading it; None where it is too long.

    Metadata travel as a header, hence ASCII: json.dumps escapes the rest.
    """
    text = json.dumps(record.as_plain())
    return text.encode(), {_SAID: text} if len(text) <= _LARGEST_METADATA else None


def _folder(kind: str, key: str) -> str:
    return f"signals/{kind}/{key_hash(key)}/"


def _folder_of(name: str) -> str:
    return "/".join(name.split("/")[:3]) + "/"


def _came(signal: Signal) -> str:
    return f"{_folder(signal.kind, signal.key)}came/{id_hash(signal.id)}"


def _wait(wait: SignalWait) -> str:
    # Each run has an event of its own: what is left of an older one changes nothing of a newer one's.
    return f"{_folder(wait.kind, wait.key)}waits/{id_hash(wait.event)}"

"""Who is told of an end: subscriptions, the messages that they get, and the marks of those that are open.

    callbacks/{target}/{key}/subscription.json   one address, and how far telling it is
    callbacks/{target}/{key}/message-0001.json   what it is told, byte for byte the same at each try
    open-callbacks/{key}-{target}                a mark as long as something is to be sent; metadata say since

`key` is a hash of the address. A mark is made after its subscription and removed after its end: who died in
between is repeated, and then finds the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from invoicing.callbacks.subscriptions import parse_id, url_key
from invoicing.records.base import moment_of
from invoicing.records.callbacks import Subscription
from stores import records
from stores.blobs import BlobConflict, BlobMissing, Blobs
from stores.records import Listed

_FOLDER = "callbacks/"
_OPEN = "open-callbacks/"
_RECORD = "/subscription.json"

_SUBSCRIPTION = TypeAdapter(Subscription)


@dataclass(frozen=True)
class OpenMark:
    """A subscription for which something is to be sent, and since when it waits."""

    id: str
    created: datetime


def read(blobs: Blobs, subscription: str) -> Subscription | None:
    """A subscription; None where there is none of this id. Raises RecordDamaged."""
    name = _name(subscription)
    try:
        return records.from_json(_SUBSCRIPTION, name, blobs.read(name)) if name else None
    except BlobMissing:
        return None


def create(blobs: Blobs, subscription: Subscription) -> None:
    """Write a new one. Raises BlobConflict where there is one of this id."""
    blobs.create(_name(subscription.id), subscription.as_json())


def change(
    blobs: Blobs, subscription: str, changed: Callable[[Subscription], Subscription]
) -> Subscription | None:
    """Change a subscription, whoever else does so; returns what it is now, None where there is none.

    `changed` may be called more than once; what it gives back as it was is not written.
    """
    name = _name(subscription)
    while name:
        try:
            data, etag = blobs.read_with_etag(name)
        except BlobMissing:
            return None
        before = records.from_json(_SUBSCRIPTION, name, data)
        after = changed(before)
        if after == before:
            return after
        try:
            blobs.replace(name, after.as_json(), etag)
        except BlobConflict:
            continue
        return after
    return None


def of_target(blobs: Blobs, target: str) -> Listed[Subscription]:
    """All who are told of one end, or were, the oldest first."""
    names = [blob.name for blob in blobs.list(f"{_FOLDER}{target}/") if blob.name.endswith(_RECORD)]

    def one(name: str) -> Subscription | None:
        try:
            return records.from_json(_SUBSCRIPTION, name, blobs.read(name))
        except BlobMissing:
            return None  # an operator deleted it between the listing and now

    found = records.each(names, one)
    return Listed(sorted(found.found, key=lambda one: (one.created, one.id)), found.damaged)


def keep_message(blobs: Blobs, subscription: Subscription, body: bytes) -> None:
    """Keep what is told in this round; what was kept first stays."""
    try:
        blobs.create(_message(subscription.id, subscription.round), body)
    except BlobConflict:
        return


def message(blobs: Blobs, subscription: str, number: int) -> bytes:
    """What is told in a round. Raises BlobMissing."""
    return blobs.read(_message(subscription, number))


# ---------------------------------------------------------------- marks


def mark_open(blobs: Blobs, subscription: Subscription) -> None:
    """Have a subscription looked at until it is over."""
    blobs.write(_mark(subscription.id), b"", {"created": subscription.created.isoformat()})


def unmark(blobs: Blobs, subscription: str) -> None:
    """Nothing is to be sent any more, unless somebody has asked for the next round meanwhile."""
    blobs.delete(_mark(subscription))
    now = read(blobs, subscription)
    if now is not None and not now.is_over:
        mark_open(blobs, now)


def open_marks(blobs: Blobs) -> list[OpenMark]:
    """All that is open; one listing, no blob is read. What is no mark of ours is left out."""
    found: list[OpenMark] = []
    for blob in blobs.list(_OPEN):
        key, _, target = blob.name.removeprefix(_OPEN).partition("-")
        try:
            created = moment_of(blob.metadata.get("created", ""))
        except ValueError:
            continue
        found.append(OpenMark(f"{target}-{key}", created))
    return found


def open_of_url(blobs: Blobs, url: str) -> list[str]:
    """The ids of what is open for one address."""
    key = url_key(url)
    prefix = f"{_OPEN}{key}-"
    return [f"{blob.name.removeprefix(prefix)}-{key}" for blob in blobs.list(prefix)]


def _folder(subscription: str) -> str:
    parsed = parse_id(subscription)
    return f"{_FOLDER}{parsed.target}/{parsed.key}" if parsed else ""


def _name(subscription: str) -> str:
    """The blob of a subscription; "" for what is no id."""
    folder = _folder(subscription)
    return f"{folder}{_RECORD}" if folder else ""


def _message(subscription: str, number: int) -> str:
    return f"{_folder(subscription)}/message-{number:04d}.json"


def _mark(subscription: str) -> str:
    parsed = parse_id(subscription)
    return f"{_OPEN}{parsed.key}-{parsed.target}" if parsed else _OPEN

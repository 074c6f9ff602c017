"""How people want messages: what they said themselves, one small blob each."""

from __future__ import annotations

import json

from pydantic import TypeAdapter

from invoicing.approval.gathering import Wish
from invoicing.records.messages import StatedWish
from stores import records
from stores.blobs import BlobInfo, Blobs
from stores.naming import person_key

_PREFIX = "wishes/"

_WISH = TypeAdapter(StatedWish)


def blob_name(person: str) -> str:
    """The blob of one person's wish."""
    return f"{_PREFIX}{person_key(person)}.json"


def state(blobs: Blobs, wish: StatedWish) -> None:
    """Keep what somebody said, over what they said before."""
    # Metadata travels as an HTTP header, hence ASCII: json.dumps escapes the rest.
    text = json.dumps(wish.as_plain())
    blobs.write(blob_name(wish.who), text.encode(), {"wish": text})


def stated(blobs: Blobs) -> dict[str, Wish]:
    """What each person said; one listing, no blob is read."""
    listed = records.each(blobs.list(_PREFIX), _wish)
    return {wish.who: wish.messages for wish in listed.found}


def _wish(blob: BlobInfo) -> StatedWish:
    return records.from_json(_WISH, blob.name, blob.metadata.get("wish", ""))

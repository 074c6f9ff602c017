"""How people want messages: what they said themselves, one small blob each."""

from __future__ import annotations

import json
from datetime import datetime

from pydantic import BaseModel, ConfigDict, TypeAdapter

from invoicing.approval import names
from invoicing.approval.gathering import Wish
from stores import records
from stores.blobs import BlobInfo, Blobs


class StatedWish(BaseModel):
    """What somebody said about how they want messages, and when."""

    model_config = ConfigDict(frozen=True)

    who: str
    messages: Wish
    said: datetime


_WISH = TypeAdapter(StatedWish)


def state(blobs: Blobs, wish: StatedWish) -> None:
    """Keep what somebody said, over what they said before."""
    # Metadata travels as an HTTP header, hence ASCII: json.dumps escapes the rest.
    text = json.dumps(wish.model_dump(mode="json"))
    blobs.write(names.wish(wish.who), text.encode(), {"wish": text})


def stated(blobs: Blobs) -> dict[str, Wish]:
    """What each person said; one listing, no blob is read."""
    listed = records.each(blobs.list(names.WISHES), _wish)
    return {wish.who: wish.messages for wish in listed.found}


def _wish(blob: BlobInfo) -> StatedWish:
    return records.from_json(_WISH, blob.name, blob.metadata.get("wish", ""))

"""Stored records, read back into their types. One that is damaged costs its own line in a list.

A record gets damaged by a hand in the storage, by a version of the app that wrote something else, or by a
fault of ours. Whoever asks for it alone is told so; whoever asks for a list gets the others, and its name.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

# What fields are named, and places in a list.
_FIELD = re.compile(r"[a-z_]{1,40}|[0-9]{1,7}")

Record = TypeVar("Record")
Name = TypeVar("Name", bound=object)


class RecordDamaged(Exception):
    """A stored record cannot be read; `name` says which, `field` where, without what is in it.

    `field` is a path such as `stages.0.quorum`, empty where the record as a whole is at fault.
    """

    def __init__(self, name: str, field: str = "") -> None:
        place = f" at {field}" if field else ""
        super().__init__(
            f"The stored record {name} cannot be read{place}: it is not what Settle writes. "
            "It has to be mended or removed in the storage."
        )
        self.name = name
        self.field = field


@dataclass(frozen=True)
class Listed(Generic[Record]):
    """The records of a list that can be shown, and the names of those that cannot."""

    found: list[Record]
    damaged: list[str]


def from_json(kind: TypeAdapter[Record], name: str, data: bytes | str) -> Record:
    """The record that is stored as `data` under `name`. Raises RecordDamaged."""
    try:
        return kind.validate_json(data)
    except ValidationError as error:
        raise RecordDamaged(name, _field(error)) from error


def _field(error: ValidationError) -> str:
    """The first field at fault. A key that is none of our names came with the data, so it is left out."""
    parts: list[str] = []
    for part in error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]:
        if not _FIELD.fullmatch(str(part)):
            break
        parts.append(str(part))
    return ".".join(parts)


def each(names: Iterable[Name], read: Callable[[Name], Record | None]) -> Listed[Record]:
    """Read many records; None is left out (it was removed meanwhile), and what is damaged is named.

    What else `read` raises passes through: storage that is away is no property of one record.
    """
    listed: Listed[Record] = Listed([], [])
    for name in names:
        try:
            record = read(name)
        except RecordDamaged as error:
            logging.warning("%s", error)
            listed.damaged.append(error.name)
            continue
        if record is not None:
            listed.found.append(record)
    return listed

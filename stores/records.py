"""Stored records, read back into their types. One that is damaged costs its own line in a list.

A record gets damaged by a hand in the storage, by a version of the app that wrote something else, or by a
fault of ours. Whoever asks for it alone is told so; whoever asks for a list gets the others, and its name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

Record = TypeVar("Record")
Name = TypeVar("Name", bound=object)


class RecordDamaged(Exception):
    """A stored record cannot be read; `name` says which, without what is in it."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The stored record {name} cannot be read: it is not what Settle writes. "
            "It has to be mended or removed in the storage."
        )
        self.name = name


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
        raise RecordDamaged(name) from error


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

"""Blobs in memory, with ETags, conditions, listings by name, and outages on demand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import IO

from stores.blobs import BlobConflict, BlobInfo, BlobMissing, BlobPage, StorageRefused, StorageUnavailable


class MemoryBlobs:
    """Keeps the contract of `stores.blobs.Blobs`; `tests/unit/test_blobs.py` holds both against it.

    `fails(verb, name)` is asked before each call: an exception that it raises is the storage's answer.
    `clock` says when something is written; without one, listings do not tell it.
    """

    def __init__(self) -> None:
        self.stored: dict[str, tuple[bytes, str, dict[str, str]]] = {}
        self.modified: dict[str, datetime] = {}
        self.clock: Callable[[], datetime] | None = None
        self.calls: list[tuple[str, str]] = []
        self.fails: Callable[[str, str], None] = lambda verb, name: None
        self._etags = itertools.count(1)

    def go_away(self) -> None:
        """From now on every call finds the storage away."""

        def away(verb: str, name: str) -> None:
            raise StorageUnavailable(f"{verb} {name}: no answer")

        self.fails = away

    def come_back(self) -> None:
        """The storage answers again."""
        self.fails = lambda verb, name: None

    def names(self, prefix: str = "") -> list[str]:
        """The names below a prefix, sorted."""
        return sorted(name for name in self.stored if name.startswith(prefix))

    def read(self, name: str) -> bytes:
        return self._get("read", name)[0]

    def read_range(self, name: str, start: int, length: int) -> bytes:
        return self._get("read", name)[0][start : start + length]

    def size(self, name: str) -> int:
        return len(self._get("size", name)[0])

    def read_with_etag(self, name: str) -> tuple[bytes, str]:
        data, etag, _ = self._get("read", name)
        return data, etag

    def read_version(self, name: str, etag: str) -> bytes:
        data, there, _ = self._get("read", name)
        if there != etag:
            raise BlobConflict(f"read {name}: exists or was changed")
        return data

    def read_into(self, name: str, target: IO[bytes]) -> None:
        target.write(self._get("read", name)[0])

    def write(self, name: str, data: bytes | IO[bytes], metadata: dict[str, str] | None = None) -> None:
        self._note("write", name)
        self._put(name, data if isinstance(data, bytes) else data.read(), metadata)

    def create(self, name: str, data: bytes, metadata: dict[str, str] | None = None) -> None:
        self._note("create", name)
        if name in self.stored:
            raise BlobConflict(f"create {name}: exists or was changed")
        self._put(name, data, metadata)

    def replace(self, name: str, data: bytes, etag: str) -> None:
        self._note("replace", name)
        if name not in self.stored or self.stored[name][1] != etag:
            raise BlobConflict(f"replace {name}: exists or was changed")
        self._put(name, data)

    def exists(self, name: str) -> bool:
        self._note("exists", name)
        return name in self.stored

    def delete(self, name: str) -> None:
        self._note("delete", name)
        self.stored.pop(name, None)

    def delete_version(self, name: str, etag: str) -> bool:
        self._note("delete", name)
        if name in self.stored and self.stored[name][1] != etag:
            return False
        self.stored.pop(name, None)
        return True

    def make_container(self) -> None:
        self._note("make", "")

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        self._note("list", prefix)
        for name in self.names(prefix):
            data, etag, metadata = self.stored[name]
            yield BlobInfo(name, len(data), metadata, etag, self.modified.get(name))

    def page(self, prefix: str, size: int, token: str | None) -> BlobPage:
        self._note("list", prefix)
        if token is not None and not token.startswith(prefix):
            raise StorageRefused(f"list {prefix}: HTTP 400")
        names = [name for name in self.names(prefix) if token is None or name >= token]
        return BlobPage(
            [self._info(name) for name in names[:size]], names[size] if len(names) > size else None
        )

    def _info(self, name: str) -> BlobInfo:
        data, etag, _ = self.stored[name]
        return BlobInfo(name, len(data), etag=etag, modified=self.modified.get(name))

    def _note(self, verb: str, name: str) -> None:
        self.calls.append((verb, name))
        self.fails(verb, name)

    def _get(self, verb: str, name: str) -> tuple[bytes, str, dict[str, str]]:
        self._note(verb, name)
        if name not in self.stored:
            raise BlobMissing(f"{verb} {name}: not found")
        return self.stored[name]

    def _put(self, name: str, data: bytes, metadata: dict[str, str] | None = None) -> None:
        self.stored[name] = (data, f'"{next(self._etags)}"', dict(metadata or {}))
        self.modified.pop(name, None)
        if self.clock is not None:
            self.modified[name] = self.clock()

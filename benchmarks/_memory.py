"""A storage in memory whose own work for a call does not grow with what is in it, and which counts.

`tests/fakes/memory_blobs.py` goes through all its names at each listing. That would be measured, not the app.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

from stores.blobs import BlobInfo
from tests.fakes.memory_blobs import MemoryBlobs


@dataclass
class _Folder:
    """The names in a folder, sorted, those of folders with a slash at their end."""

    names: list[str] = field(default_factory=list)
    folders: dict[str, _Folder] = field(default_factory=dict)

    def add(self, name: str) -> None:
        """A name comes into the folder."""
        insort(self.names, name)

    def remove(self, name: str) -> None:
        """A name goes out of the folder."""
        del self.names[bisect_left(self.names, name)]


@dataclass(frozen=True)
class Work:
    """Calls of the storage, bytes that were read or written, and names that were listed."""

    calls: int = 0
    bytes: int = 0
    listed: int = 0

    def __sub__(self, other: Work) -> Work:
        return Work(self.calls - other.calls, self.bytes - other.bytes, self.listed - other.listed)


class CountingBlobs(MemoryBlobs):
    """Blobs in memory, with an index by folder."""

    def __init__(self) -> None:
        super().__init__()
        self._root = _Folder()
        self._calls = 0
        self._bytes = 0
        self._listed = 0

    @property
    def work(self) -> Work:
        """What was done so far."""
        return Work(self._calls, self._bytes, self._listed)

    def names(self, prefix: str = "") -> list[str]:
        """The names below a prefix, sorted."""
        path, _, beginning = prefix.rpartition("/")
        folder: _Folder | None = self._root
        for part in path.split("/") if path else ():
            folder = folder.folders.get(f"{part}/") if folder else None
        return sorted(_below(folder, beginning, f"{path}/" if path else "")) if folder else []

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        for blob in super().list(prefix):
            self._listed += 1
            yield blob

    def delete(self, name: str) -> None:
        if name in self.stored:
            *path, last = name.split("/")
            folder = self._root
            for part in path:
                folder = folder.folders[f"{part}/"]
            folder.remove(last)
        super().delete(name)

    def _note(self, verb: str, name: str) -> None:
        self._calls += 1

    def _get(self, verb: str, name: str) -> tuple[bytes, str, dict[str, str]]:
        found = super()._get(verb, name)
        self._bytes += len(found[0])
        return found

    def _put(self, name: str, data: bytes, metadata: dict[str, str] | None = None) -> None:
        self._bytes += len(data)
        if name not in self.stored:
            self._index(name)
        super()._put(name, data, metadata)

    def _index(self, name: str) -> None:
        *path, last = name.split("/")
        folder = self._root
        for part in path:
            key = f"{part}/"
            if key not in folder.folders:
                folder.add(key)
                folder.folders[key] = _Folder()
            folder = folder.folders[key]
        folder.add(last)


def _below(folder: _Folder, beginning: str, path: str) -> Iterator[str]:
    for place in range(bisect_left(folder.names, beginning), len(folder.names)):
        name = folder.names[place]
        if not name.startswith(beginning):
            return
        if name in folder.folders:
            yield from _below(folder.folders[name], "", f"{path}{name}")
        else:
            yield f"{path}{name}"

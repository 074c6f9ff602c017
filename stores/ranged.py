"""A blob as a file that can be read anywhere, fetched a part at a time: what a zip's directory needs."""

from __future__ import annotations

import io
import threading
from collections.abc import Generator
from contextlib import contextmanager

from stores.blobs import Blobs

#: Least number of bytes that a read fetches: the directory of 1,000 documents is about 100 KB.
WINDOW = 256 * 1024


class RangedBlob(io.RawIOBase):
    """A readable, seekable file over a blob of `size` bytes. Raises what `Blobs.read_range` raises.

    Parts that several threads read stay apart by `held`; moving and reading as one is up to the caller
    (`zipfile` has a lock for it).
    """

    def __init__(self, blobs: Blobs, name: str, size: int) -> None:
        self._blobs = blobs
        self._name = name
        self._size = size
        self._position = 0
        self._last = (0, b"")
        self._held: list[tuple[int, bytes]] = []
        self._lock = threading.Lock()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The position in bytes from the beginning."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position; nothing is fetched."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"there is no position {base + offset}")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Read so many bytes, all that are left where `size` is negative or None; fewer at the end."""
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        start, data = self._part(self._position, wanted)
        found = data[self._position - start :][:wanted]
        self._position += len(found)
        return found

    @contextmanager
    def held(self, start: int, end: int) -> Generator[None]:
        """Fetch a part in one request, and keep it for the reads of the block."""
        part = (start, self._fetch(start, end - start))
        with self._lock:
            self._held.append(part)
        try:
            yield
        finally:
            with self._lock:
                self._held.remove(part)

    def _part(self, start: int, length: int) -> tuple[int, bytes]:
        """A part that has these bytes: one that is held, the last one fetched, or a new one."""
        with self._lock:
            known = [self._last, *self._held]
        for at, data in known:
            if at <= start and start + length <= at + len(data):
                return at, data
        first = max(0, min(start, self._size - WINDOW))
        self._last = (first, self._fetch(first, max(start + length - first, WINDOW)))
        return self._last

    def _fetch(self, start: int, length: int) -> bytes:
        length = min(length, self._size - start)
        return self._blobs.read_range(self._name, start, length) if length > 0 else b""

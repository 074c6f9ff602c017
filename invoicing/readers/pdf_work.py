"""A PDF reader that stops after a certain amount of work.

A few kilobytes of PDF can keep a reader busy for hours: tables that point at each other, objects that are not
there and are looked for in the whole file each time, streams that unpack to a thousand times their size, and
filters that are slow at it. So all work is counted in steps, each worth about a microsecond, and a file that
takes too many is given up. Counted is what the reader does with bytes: each read of the file, each byte of
the streams that hold its structure, and each object that is asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from contextvars import ContextVar
from io import BytesIO

from pypdf import PdfReader, apply_configuration, filters
from pypdf.generic import IndirectObject, PdfObject, StreamObject

MAX_STEPS = 4_000_000
"""A PDF of 60,000 objects takes a quarter of it, one of 20,000 and a damaged table less than a half."""

MAX_STRUCTURE = 2 * 1024 * 1024
"""Bytes of one stream of objects or references: a table of 200,000 references has less."""

MAX_REFERENCES = 200_000

_SCANNED_PER_STEP = 32
_LONG_READ = 4096


class TooMuchWork(BaseException):
    """The steps are used up. No `Exception`: pypdf reads around those, and would go on and on."""


class Work:
    """Steps that are left of one PDF's."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Count some steps; raises `TooMuchWork` when there are not so many left."""
        self.left -= steps
        if self.left < 0:
            raise TooMuchWork

    def scan(self, size: int) -> None:
        """Count a look through so many bytes."""
        self.spend(1 + size // _SCANNED_PER_STEP)


class _CountedFile(BytesIO):
    """A file in memory whose reads are work."""

    def __init__(self, content: bytes, work: Work) -> None:
        super().__init__(content)
        self._work = work

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if len(found) > _LONG_READ:
            self._work.scan(len(found))
        else:
            self._work.spend(1)
        return found

    def getbuffer(self) -> memoryview:
        buffer = super().getbuffer()
        self._work.scan(len(buffer))
        return buffer


class BoundedReader(PdfReader):
    """A reader whose work is counted. Use it within `bounded`, of the same work."""

    def __init__(self, content: bytes, work: Work) -> None:
        """Read the file's tables. Raises what pypdf does, and `TooMuchWork`."""
        self._work = work
        super().__init__(_CountedFile(content, work), xref_stream_maximum_entries=MAX_REFERENCES)

    def get_object(self, indirect_reference: int | IndirectObject) -> PdfObject | None:
        """As in pypdf; where an object is part of a stream, all of that stream is read for it."""
        self._work.spend(1)
        number = indirect_reference if isinstance(indirect_reference, int) else indirect_reference.idnum
        if number in self.xref_objStm and (0, number) not in self.resolved_objects:
            stream = super().get_object(IndirectObject(self.xref_objStm[number][0], 0, self))
            if isinstance(stream, StreamObject):
                self._work.spend(len(stream.get_data()))
        return super().get_object(indirect_reference)


@contextlib.contextmanager
def bounded(work: Work) -> Generator[None, None, None]:
    """Count what pypdf unpacks meanwhile in this thread as work, and bound each stream of its own use."""
    token = _work.set(work)
    limits = {
        "zlib_maximum_output_length": MAX_STRUCTURE,
        "zlib_maximum_recovery_input_length": MAX_STRUCTURE // 20,
        "lzw_maximum_output_length": MAX_STRUCTURE,
        "run_length_maximum_output_length": MAX_STRUCTURE,
        "brotli_maximum_output_length": MAX_STRUCTURE,
        "stream_filters_maximum_length": 2,
        "jbig2dec_binary": None,
    }
    try:
        with apply_configuration(None, **limits):
            yield
    finally:
        _work.reset(token)


_work: ContextVar[Work | None] = ContextVar("work", default=None)
_decode_stream_data = filters.decode_stream_data


def packed(stream: StreamObject) -> bytes:
    """The bytes of a stream as they stand in the file; pypdf has no public name for them."""
    return stream._data  # pyright: ignore[reportPrivateUsage]


def _counted_decoding(stream: StreamObject) -> bytes:
    """Unpack a stream; its bytes before and after are work, since the slow filters take a step for each."""
    work = _work.get()
    if work is None:
        return _decode_stream_data(stream)
    work.spend(len(packed(stream)))
    data = _decode_stream_data(stream)
    work.spend(len(data))
    return data


# pypdf limits each stream, not how many there are, and unpacks some where no method of the reader is called.
filters.decode_stream_data = _counted_decoding

"""A blob as a file: what is read is what the blob has, wherever one moves, in few requests."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores import ranged
from stores.ranged import RangedBlob
from tests.fakes.memory_blobs import MemoryBlobs

_FROM = st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
_MOVES = st.lists(st.tuples(_FROM, st.integers(-40, 40), st.integers(-1, 30)))


def _opened(data: bytes) -> tuple[MemoryBlobs, RangedBlob]:
    blobs = MemoryBlobs()
    blobs.write("a", data)
    return blobs, RangedBlob(blobs, "a", len(data))


@given(st.binary(max_size=50), _MOVES, st.integers(1, 60), st.tuples(st.integers(0, 50), st.integers(0, 50)))
def test_it_reads_as_any_file_does(
    data: bytes, moves: list[tuple[int, int, int]], window: int, part: tuple[int, int]
) -> None:
    """Beyond the end, in steps and at once, with and without a part that is held."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranged, "WINDOW", window)
        _, file = _opened(data)
        expected = io.BytesIO(data)
        with file.held(min(part), max(part)):
            for whence, offset, size in moves:
                start = {io.SEEK_SET: 0, io.SEEK_CUR: expected.tell(), io.SEEK_END: len(data)}[whence]
                if start + offset < 0:
                    with pytest.raises(ValueError, match="no position"):
                        file.seek(offset, whence)
                    continue
                assert file.seek(offset, whence) == expected.seek(offset, whence)
                assert file.read(size) == expected.read(size)
                assert file.tell() == expected.tell()


def test_what_is_held_is_fetched_once() -> None:
    """However many reads there are of it; afterwards it is let go."""
    data = bytes(range(256)) * 4096
    blobs, file = _opened(data)
    blobs.calls.clear()
    with file.held(1000, 301_000):
        for at in range(1000, 301_000, 500):
            file.seek(at)
            assert file.read(500) == data[at : at + 500]
    assert len(blobs.calls) == 1
    assert file._held == []


def test_the_end_is_fetched_with_what_lies_before_it() -> None:
    """A zip's directory is found from the end backwards."""
    blobs, file = _opened(bytes(1_000_000))
    blobs.calls.clear()
    for back in (22, 5000, 200_000):
        file.seek(-back, io.SEEK_END)
        assert len(file.read()) == back
    assert len(blobs.calls) == 1

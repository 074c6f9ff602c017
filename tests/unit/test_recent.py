"""Answers of storage that are a moment old, for those who watch."""

from __future__ import annotations

import pytest

from adapters.blobs import BlobMissing, Blobs
from tests.fakes.memory_blobs import MemoryBlobs
from triggers import recent
from triggers.recent import Recent


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock; a test moves it."""
    time = [100.0]
    monkeypatch.setattr(recent.time, "monotonic", lambda: time[0])
    return time


def _text(blobs: Blobs, name: str) -> str:
    return blobs.read(name).decode()


def test_many_who_look_cost_one_read_a_second(now: list[float]) -> None:
    """What is read after that second has everything."""
    blobs, read = MemoryBlobs(), Recent(_text)
    blobs.write("a", b"first")
    assert read(blobs, "a") == "first"
    blobs.write("a", b"second")
    now[0] += 0.9
    assert read(blobs, "a") == "first"
    now[0] += 0.2
    assert read(blobs, "a") == "second"


def test_another_name_and_another_container_are_read_for_themselves(now: list[float]) -> None:
    """Nothing of one is told of the other."""
    blobs, other, read = MemoryBlobs(), MemoryBlobs(), Recent(_text)
    blobs.write("a", b"one")
    blobs.write("b", b"two")
    other.write("a", b"three")
    assert [read(blobs, "a"), read(blobs, "b"), read(other, "a")] == ["one", "two", "three"]


def test_what_is_missing_is_looked_for_again(now: list[float]) -> None:
    """An error is no answer that one may keep."""
    blobs, read = MemoryBlobs(), Recent(_text)
    with pytest.raises(BlobMissing):
        read(blobs, "a")
    blobs.write("a", b"now it is there")
    assert read(blobs, "a") == "now it is there"


def test_memory_does_not_grow_with_what_was_asked_for(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old answers go."""
    monkeypatch.setattr(recent, "_MOST_KEPT", 3)
    blobs, read = MemoryBlobs(), Recent(_text)
    for n in range(10):
        blobs.write(str(n), str(n).encode())
        assert read(blobs, str(n)) == str(n)
        assert len(read._kept[blobs]) <= 3

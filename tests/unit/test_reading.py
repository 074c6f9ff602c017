"""Reading for many at once: no answer is older than its question, whichever process gives it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from stores.blobs import BlobMissing, Blobs
from tests.fakes.memory_blobs import MemoryBlobs
from usecases.reading import KeptReading, SharedReading


class Storage:
    """A number in storage whose reading takes until it is let through; it counts readings."""

    def __init__(self) -> None:
        self.number = 0
        self.readings = 0
        self._through = threading.Semaphore(0)
        self._begun = threading.Semaphore(0)

    def read(self, blobs: Blobs, name: str) -> int:
        self.readings += 1
        number = self.number
        self._begun.release()
        assert self._through.acquire(timeout=10)
        return number

    async def begun(self) -> None:
        """Wait until one more reading has begun, and seen the number."""
        assert await asyncio.to_thread(self._begun.acquire, timeout=10)

    def let_through(self, readings: int = 1) -> None:
        self._through.release(readings)


@pytest.fixture
def storage() -> Iterator[Storage]:
    """A storage that holds nobody back at the end."""
    one = Storage()
    yield one
    one.let_through(100)


async def test_who_asks_later_gets_a_later_reading(storage: Storage) -> None:
    """All who ask while one is under way share the next one: two readings for a hundred questions."""
    blobs, ask = MemoryBlobs(), SharedReading(storage.read)
    first = asyncio.create_task(ask(blobs, "a"))
    await storage.begun()
    storage.number = 1
    others = [asyncio.create_task(ask(blobs, "a")) for _ in range(100)]
    await asyncio.sleep(0)
    storage.let_through()
    assert await first == 0
    await storage.begun()
    storage.number = 2
    storage.let_through()
    assert set(await asyncio.gather(*others)) == {1}
    assert storage.readings == 2


async def test_a_number_never_goes_backwards_between_two_processes(storage: Storage) -> None:
    """Each process has what it knows; who asks one after the other sees what storage had at that moment."""
    blobs = MemoryBlobs()
    processes = [SharedReading(storage.read), SharedReading(storage.read)]
    storage.let_through(100)
    seen = []
    for n in range(10):
        storage.number = n
        seen.append(await processes[n % 2](blobs, "a"))
    assert seen == list(range(10))


async def test_another_name_and_another_container_are_read_for_themselves() -> None:
    """Nothing of one is told of the other."""
    blobs, other, ask = MemoryBlobs(), MemoryBlobs(), SharedReading(_text)
    blobs.write("a", b"one")
    blobs.write("b", b"two")
    other.write("a", b"three")
    found = await asyncio.gather(ask(blobs, "a"), ask(blobs, "b"), ask(other, "a"))
    assert found == ["one", "two", "three"]


async def test_an_error_is_told_to_all_who_asked_and_to_nobody_else() -> None:
    """The next question is answered anew."""
    blobs, ask = MemoryBlobs(), SharedReading(_text)
    found = await asyncio.gather(ask(blobs, "a"), ask(blobs, "a"), return_exceptions=True)
    assert [type(one) for one in found] == [BlobMissing, BlobMissing]
    blobs.write("a", b"now it is there")
    assert await ask(blobs, "a") == "now it is there"


async def test_who_gives_up_takes_the_answer_from_nobody(storage: Storage) -> None:
    """A browser that goes away must not fail the others."""
    blobs, ask = MemoryBlobs(), SharedReading(storage.read)
    hasty, patient = (asyncio.create_task(ask(blobs, "a")) for _ in range(2))
    await storage.begun()
    hasty.cancel()
    storage.let_through()
    assert await patient == 0
    assert hasty.cancelled()


async def test_nothing_is_remembered_when_nobody_asks(storage: Storage) -> None:
    """Memory does not grow with what was asked for."""
    blobs, ask = MemoryBlobs(), SharedReading(storage.read)
    storage.let_through(10)
    for n in range(10):
        await ask(blobs, str(n))
    assert (ask._next, ask._running) == ({}, {})


def _text(blobs: Blobs, name: str) -> str:
    return blobs.read(name).decode()


async def test_what_does_not_change_for_now_is_read_once() -> None:
    """And anew as soon as it may have changed."""
    blobs, ask = MemoryBlobs(), KeptReading(_text)
    blobs.write("a", b"first")
    assert await ask(blobs, "a", lasts=True) == "first"
    blobs.write("a", b"second")
    assert await ask(blobs, "a", lasts=True) == "first"
    assert await ask(blobs, "a", lasts=False) == "second"
    assert await ask(blobs, "a", lasts=True) == "second"
    blobs.delete("a")
    with pytest.raises(BlobMissing):
        await ask(blobs, "a", lasts=False)


async def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least used goes."""
    monkeypatch.setattr("usecases.reading._MOST_KEPT", 3)
    blobs, ask = MemoryBlobs(), KeptReading(_text)
    for n in range(10):
        blobs.write(str(n), str(n).encode())
        assert await ask(blobs, str(n), lasts=True) == str(n)
    assert list(ask._kept[blobs]) == ["7", "8", "9"]

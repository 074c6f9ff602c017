"""Packing documents into chunks, reading them again, and halving a range."""

import hashlib
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.archive import MIB, Entry, Limits, loose_entry
from invoicing.batching import Chunk, halves, pack, plan, read_chunk
from invoicing.findings import finding


def _entries(*contents: bytes) -> list[Entry]:
    return [Entry(f"{n}.xml", content, len(content)) for n, content in enumerate(contents)]


def _sizes(chunks: list[Chunk]) -> list[int]:
    return [len(chunk.documents) + len(chunk.refused) for chunk in chunks]


@given(st.lists(st.binary(max_size=30), max_size=40), st.integers(1, 7), st.integers(1, 60))
def test_every_document_comes_back_byte_for_byte(contents: list[bytes], documents: int, size: int) -> None:
    """Numbers run from 1 without a gap, within the limits, and each document names its own hash."""
    chunks = list(pack(_entries(*contents), documents, size))
    read = [(d.n, d.content) for chunk in chunks for d in read_chunk(chunk.data).documents]
    assert read == list(enumerate(contents, start=1))
    named = [document for chunk in chunks for document in chunk.documents]
    assert [d.sha256 for d in named] == [hashlib.sha256(content).hexdigest() for content in contents]
    assert [d.size for d in named] == [len(content) for content in contents]
    assert all(count <= documents for count in _sizes(chunks))
    assert all(len(c.documents) == 1 or sum(d.size for d in c.documents) <= size for c in chunks)
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))


@given(st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=40), st.integers(1, 7), st.integers(1, 60))
def test_plan_by_sizes_divides_as_packing_does(sizes: list[int | None], documents: int, most: int) -> None:
    """So a zip that stays as it is has the chunks that its documents would have in packs."""
    entries = [
        Entry(
            "a",
            None if size is None else bytes(size),
            size or 0,
            finding("SETTLE-FILE-EMPTY") if size is None else None,
        )
        for size in sizes
    ]
    chunks = pack(entries, documents, most)
    assert plan(sizes, documents, most) == [(chunk.first_n, chunk.last_n) for chunk in chunks]


def test_fifty_documents_make_a_chunk() -> None:
    """The last chunk holds the rest."""
    chunks = list(pack(_entries(*[b"x"] * 120)))
    assert _sizes(chunks) == [50, 50, 20]
    assert [(chunk.first_n, chunk.last_n) for chunk in chunks] == [(1, 50), (51, 100), (101, 120)]


def test_larger_document_makes_a_chunk_of_its_own() -> None:
    """It is not left out, and does not drag small ones along."""
    assert _sizes(list(pack(_entries(b"a", b"b", bytes(5 * MIB), b"c")))) == [2, 1, 1]


def test_refused_entry_becomes_a_finished_row() -> None:
    """It keeps its number, so the gap in the pack is explained."""
    refused = loose_entry("big.xml", b"12345", Limits(max_document=4))
    (chunk,) = pack([*_entries(b"a"), refused, *_entries(b"b")])
    assert [document.n for document in read_chunk(chunk.data).documents] == [1, 3]
    (row,) = chunk.refused
    assert (row.n, row.name, row.size, row.outcome) == (2, "big.xml", 5, "unreadable")
    assert [found.rule for found in row.findings] == ["SETTLE-FILE-TOO-LARGE"]
    assert (chunk.first_n, chunk.last_n) == (1, 3)


def test_refused_entries_alone_make_a_chunk() -> None:
    """A batch of nothing but bad files is still reported."""
    (chunk,) = pack([loose_entry("big.xml", b"12345", Limits(max_document=4))])
    content = read_chunk(chunk.data)
    assert (content.documents, content.refused, content.numbers) == ([], chunk.refused, [1])


def test_equal_documents_make_equal_bytes() -> None:
    """A repeated activity writes the same blob."""
    one, other = (list(pack(_entries(b"a", b"b"))) for _ in range(2))
    assert one == other


def test_numbers_go_on_from_where_a_source_ended() -> None:
    """Several archives of one batch share its numbers."""
    (chunk,) = pack(_entries(b"a", b"b"), first_n=1_000_000)
    assert [document.n for document in read_chunk(chunk.data).documents] == [1_000_000, 1_000_001]


def test_part_of_a_chunk_can_be_read() -> None:
    """After a failure, half of a chunk is tried at a time."""
    (chunk,) = pack(_entries(*[b"x"] * 9))
    assert read_chunk(chunk.data, 4, 6).numbers == [4, 5, 6]
    assert read_chunk(chunk.data, first=8).numbers == [8, 9]


def test_packing_holds_one_chunk_in_memory() -> None:
    """200 documents of a megabyte pass through in the space of a few."""

    def documents() -> Iterator[Entry]:
        for n in range(200):
            yield Entry(f"{n}.xml", bytes(MIB), MIB)

    tracemalloc.start()
    chunks = sum(1 for _ in pack(documents()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert chunks == 50
    assert peak < 24 * MIB


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_halves_cover_the_range(first: int, more: int) -> None:
    """Nothing is lost or read twice, and the halves differ by one at most."""
    (a, b), (c, d) = halves(first, first + more)
    assert (a, d, b + 1) == (first, first + more, c)
    assert 0 <= (b - a) - (d - c) <= 1


def test_single_document_cannot_be_split() -> None:
    """It is the one to be set aside."""
    with pytest.raises(ValueError, match=r"7\.\.7 cannot be split"):
        halves(7, 7)

"""Where the documents of a batch lie: parts of the zip that was sent, or packs."""

from __future__ import annotations

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from activities import unpack_batch
from adapters import services
from adapters.services import Services
from adapters.settings import from_environment
from invoicing.archive import DEFAULT_LIMITS, BadArchive, loose_entry
from invoicing.batching import ChunkContent, Document, pack
from invoicing.records.batch import Manifest, Span
from stores import batch_names, batch_sources
from stores.batch_sources import Source, Sources, open_source, read_document
from stores.batches import BatchStore
from stores.blobs import BlobMissing, StorageUnavailable
from tests.fakes.memory_blobs import MemoryBlobs

ONE = "b" + "1" * 24
Contents = dict[str, bytes]
SOME = {f"{n:03d}.xml": bytes([n]) * (100 + n) for n in range(1, 121)}


def _zip(contents: Contents) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _unpacked(upload: bytes, documents: int = 50) -> MemoryBlobs:
    """Blobs of a batch that was unpacked by its activity."""
    blobs = MemoryBlobs()
    blobs.write(batch_names.upload(ONE), upload)
    settings = from_environment({"AzureWebJobsStorage": "unused", "SETTLE_CHUNK_DOCUMENTS": str(documents)})
    with services.replaced_by(Services(settings, blobs, lambda: None)):  # type: ignore[arg-type,return-value]
        unpack = unpack_batch.unpack_batch._function.get_user_function()  # type: ignore[attr-defined]
        assert unpack({"batch": ONE, "source": {"kind": "upload", "name": "may.zip"}})["outcome"] == "ok"
    return blobs


def _all(source: Source, chunks: int) -> Contents:
    return {d.name: d.content for n in range(chunks) for d in source.read(n).documents}


def _rules(content: ChunkContent) -> list[tuple[int, str]]:
    return [(row.n, row.findings[0].rule) for row in content.refused]


def test_every_document_of_an_upload_is_read_where_it_lies() -> None:
    """Numbers, names and bytes; a chunk costs one request, and no blob is written for it."""
    blobs = _unpacked(_zip(SOME))
    source = open_source(blobs, ONE)
    assert [len(source.read(n).documents) for n in range(3)] == [50, 50, 20]
    assert [d.n for d in source.read(1).documents] == list(range(51, 101))
    assert _all(source, 3) == SOME
    blobs.calls.clear()
    source.read(0)
    assert blobs.calls == [("read", batch_names.upload(ONE))]
    assert blobs.names(f"batches/{ONE}/source/") == []


def test_part_of_a_chunk_is_read_alone() -> None:
    """When the document is looked for that kills its worker."""
    source = open_source(_unpacked(_zip(SOME)), ONE)
    assert [d.n for d in source.read(1, 60, 62).documents] == [60, 61, 62]
    assert source.read(1, 60, 62).numbers == [60, 61, 62]
    assert source.read(1, 1, 50).numbers == []


def test_directory_in_another_order_than_the_zip() -> None:
    """Its order is that of the documents, wherever each of them lies."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in SOME.items():
            archive.writestr(name, content)
        archive.filelist.reverse()
    source = open_source(_unpacked(buffer.getvalue()), ONE)
    assert [d.name for d in source.read(0).documents][:2] == ["120.xml", "119.xml"]
    assert _all(source, 3) == SOME


def test_part_that_is_too_long_is_not_fetched_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies behind its first bytes is read document by document."""
    monkeypatch.setattr(batch_sources, "_LONGEST_PART", 2000)
    assert _all(open_source(_unpacked(_zip(SOME)), ONE), 3) == SOME


def test_document_that_turns_out_damaged_is_refused_and_the_others_go_on() -> None:
    """The directory knew nothing of it: it shows when the document is read."""
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {"a.xml": b"A", "b.xml": b"unique text in here", "c.xml": b"C"}.items():
            archive.writestr(name, content)
    broken = stored.getvalue().replace(b"unique text", b"forged text")
    content = open_source(_unpacked(broken), ONE).read(0)
    assert [d.name for d in content.documents] == ["a.xml", "c.xml"]
    assert _rules(content) == [(2, "SETTLE-ZIP-DAMAGED")]
    assert content.numbers == [1, 2, 3]


def test_document_that_the_directory_speaks_against_keeps_its_number() -> None:
    """It is refused in the manifest already, and again with its reason when the chunk is read."""
    blobs = _unpacked(_zip({"a.xml": b"A", "../b.xml": b"B", "c.zip": _zip({"x": b"y"})}))
    manifest = BatchStore(blobs).manifest(ONE)
    assert (manifest.chunks, manifest.span(0), manifest.refused) == (1, Span(first=1, last=3), (2,))
    content = open_source(blobs, ONE).read(0)
    assert _rules(content) == [(2, "SETTLE-ZIP-PATH"), (3, "SETTLE-ZIP-NESTED")]


def test_several_threads_read_one_source() -> None:
    """A process takes several chunks at the same time."""
    source = open_source(_unpacked(_zip(SOME), documents=5), ONE)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            found = [d for part in pool.map(source.read, range(24)) for d in part.documents]
            assert {d.name: d.content for d in found} == SOME


def test_packs_are_read_as_they_were_written() -> None:
    """Documents out of a container."""
    blobs = MemoryBlobs()
    (chunk,) = pack([loose_entry("a.xml", b"A"), loose_entry("b.xml", b"B")])
    blobs.write(batch_names.source(ONE, 0), chunk.data)
    BatchStore(blobs).divide(ONE, Manifest(lasts=(2,)))
    assert _all(open_source(blobs, ONE), 1) == {"a.xml": b"A", "b.xml": b"B"}


def test_source_is_opened_once_by_a_process() -> None:
    """The directory of a batch is read once, and not for ever."""
    blobs = _unpacked(_zip(SOME))
    sources = Sources(blobs, DEFAULT_LIMITS)
    first = sources.of(ONE)
    assert sources.of(ONE) is first
    others = ["b" + f"{n:024x}" for n in range(20)]
    for other in others:
        BatchStore(blobs).divide(other, Manifest())
        sources.of(other)
    assert len(sources._known) < 20
    assert sources.of(ONE) is not first


def test_batch_that_was_not_unpacked_and_storage_that_is_away_are_told() -> None:
    """Neither is remembered: the next look finds what is there then."""
    blobs = _unpacked(_zip(SOME))
    sources = Sources(blobs, DEFAULT_LIMITS)
    with pytest.raises(BlobMissing):
        sources.of("b" + "2" * 24)
    source = sources.of(ONE)
    blobs.go_away()
    with pytest.raises(StorageUnavailable):
        source.read(0)
    with pytest.raises(StorageUnavailable):
        Sources(blobs, DEFAULT_LIMITS).of(ONE)
    blobs.come_back()
    assert len(source.read(0).documents) == 50


def test_upload_that_somebody_put_something_else_in_place_of_is_no_source() -> None:
    """Better an error than other documents."""
    blobs = _unpacked(_zip(SOME))
    blobs.write(batch_names.upload(ONE), b"x" * len(blobs.read(batch_names.upload(ONE))))
    with pytest.raises(BadArchive):
        open_source(blobs, ONE)


def test_one_document_is_read_without_the_directory_of_its_zip() -> None:
    """By its place: three small parts of the blobs, in a batch of any size."""
    blobs = _unpacked(_zip(SOME))
    manifest = BatchStore(blobs).manifest(ONE)
    blobs.calls.clear()
    for n, (name, content) in enumerate(SOME.items(), start=1):
        assert read_document(blobs, ONE, manifest, n) == Document(n, name, content)
    upload, places = batch_names.upload(ONE), batch_names.places(ONE)
    assert blobs.calls == [("read", places), ("read", upload), ("read", upload)] * len(SOME)
    assert read_document(blobs, ONE, manifest, len(SOME) + 1) is None


def test_places_do_not_depend_on_the_order_of_the_directory_or_on_what_lies_before_the_zip() -> None:
    """A zip may have its directory in another order, folders in it, and a program before it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = b"of May"
        archive.mkdir("folder")
        for name, content in SOME.items():
            archive.writestr(name, content)
        archive.filelist.reverse()
    for upload in (buffer.getvalue(), b"#!/bin/sh\n" + buffer.getvalue()):
        blobs = _unpacked(upload)
        manifest = BatchStore(blobs).manifest(ONE)
        blobs.calls.clear()
        first = read_document(blobs, ONE, manifest, 1)
        assert first is not None
        assert (first.name, first.content) == ("120.xml", SOME["120.xml"])
        assert len(blobs.calls) == 3, "it is not looked for in the whole zip"


def test_document_of_a_zip_that_was_put_in_the_place_of_another_is_told_as_it_is_now() -> None:
    """What people were shown had another hash, which is found."""
    blobs = _unpacked(_zip(SOME))
    manifest = BatchStore(blobs).manifest(ONE)
    other = _zip({name: b"forged " + content for name, content in SOME.items()})
    blobs.write(batch_names.upload(ONE), other)
    manifest = manifest.model_copy(update={"upload": len(other)})
    found = read_document(blobs, ONE, manifest, 7)
    assert found is None or found.content.startswith(b"forged ")


def test_document_that_was_not_taken_is_none_when_it_is_read_alone() -> None:
    """Whether the directory spoke against it, or its bytes do."""
    blobs = _unpacked(_zip({"a.xml": b"A", "../b.xml": b"B", "c.zip": _zip({"x": b"y"})}))
    manifest = BatchStore(blobs).manifest(ONE)
    assert [read_document(blobs, ONE, manifest, n) for n in (1, 2, 3)] == [
        Document(1, "a.xml", b"A"),
        None,
        None,
    ]


def test_document_out_of_a_pack_is_read_alone() -> None:
    """A pack holds 50 documents at most, however many there are."""
    blobs = MemoryBlobs()
    (chunk,) = pack([loose_entry("a.xml", b"A"), loose_entry("b.xml", b"B")])
    blobs.write(batch_names.source(ONE, 0), chunk.data)
    assert read_document(blobs, ONE, Manifest(lasts=(2,)), 2) == Document(2, "b.xml", b"B")

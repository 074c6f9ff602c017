"""Batches in storage: division, rows and totals, read back as the records that were written."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.outcomes import line_of
from invoicing.records.base import BatchId
from invoicing.records.batch import BatchRecord, BatchSource, Manifest, Span
from invoicing.records.report import ReportHead
from invoicing.report import Totals
from invoicing.report.as_html import write_html
from stores import batch_names
from stores.batches import BatchStore
from stores.blobs import BlobMissing
from stores.records import RecordDamaged
from stores.results import ResultStore
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.report_rows import invoice, row, typed

ONE = BatchId("b" + "1" * 24)


@given(st.lists(st.integers(1, 50), max_size=30))
def test_each_document_is_in_the_chunk_whose_span_holds_it(sizes: list[int]) -> None:
    """And in no other; the spans have no gap."""
    lasts = tuple(sum(sizes[: at + 1]) for at in range(len(sizes)))
    manifest = Manifest(lasts=lasts)
    spans = [manifest.span(chunk) for chunk in range(manifest.chunks)]
    numbers = [n for span in spans for n in range(span.first, span.last + 1)]
    assert numbers == list(range(1, manifest.documents + 1))
    for n in numbers:
        chunk = manifest.chunk_of(n)
        assert chunk is not None
        assert spans[chunk].first <= n <= spans[chunk].last


def test_document_that_a_batch_does_not_have_is_in_no_chunk() -> None:
    """Neither before the first nor behind the last."""
    manifest = Manifest(lasts=(50, 60))
    assert [manifest.chunk_of(n) for n in (-1, 0, 61, 10**9)] == [None] * 4
    assert Manifest().chunk_of(1) is None


def test_manifest_of_the_largest_batch_is_small() -> None:
    """It is read for one document as well: 20,000 documents are 400 numbers."""
    manifest = Manifest(lasts=tuple(range(50, 20_001, 50)), upload=10**9)
    assert (manifest.documents, manifest.chunks) == (20_000, 400)
    assert len(manifest.as_json()) < 4000


def test_record_and_manifest_come_back_as_they_were_written() -> None:
    """The division may not be there yet."""
    blobs = MemoryBlobs()
    batches = BatchStore(blobs)
    source = BatchSource("container", "inbox/may/", container="inbox", prefix="may/")
    record = BatchRecord(ONE, datetime(2026, 5, 1, 10, tzinfo=UTC), "0" * 64, source)
    batches.create(record)
    assert batches.record(ONE) == record
    assert batches.manifest_if_any(ONE) is None
    with pytest.raises(BlobMissing):
        batches.manifest(ONE)
    manifest = Manifest(lasts=(3, 5), refused=(2,), upload=7)
    batches.divide(ONE, manifest)
    assert batches.manifest_if_any(ONE) == batches.manifest(ONE) == manifest


def test_totals_come_back_with_every_digit() -> None:
    """The report's halves read them, so nobody adds them up again."""
    batches = BatchStore(MemoryBlobs())
    totals = Totals()
    totals.add(typed(row(1, invoice=invoice(gross="119.005"))))
    batches.write_totals(ONE, totals.result())
    assert batches.totals(ONE) == totals.result()
    assert batches.totals(ONE).currencies[0].gross == Decimal("119.005")


@pytest.mark.parametrize("data", [b"", b"[]", b'{"lasts": "x"}', b'{"lasts": [1.5]}'])
def test_damaged_manifest_is_named(data: bytes) -> None:
    """Not by what is in it."""
    blobs = MemoryBlobs()
    blobs.write(batch_names.manifest(ONE), data)
    with pytest.raises(RecordDamaged, match="manifest"):
        BatchStore(blobs).manifest(ONE)


def test_rows_of_a_chunk_and_of_its_parts_are_taken_once() -> None:
    """In order, whatever blobs they lie in; the counts stand in the listing."""
    results = ResultStore(MemoryBlobs())
    lines = [line_of(typed(row(n, outcome="invalid" if n == 2 else "valid"))) for n in range(1, 5)]
    results.write(ONE, 1, Span(first=3, last=4), lines[2:])
    results.write(ONE, 0, Span(first=2, last=2), lines[1:2])
    assert results.progress(ONE) == {"valid": 2, "invalid": 1}
    assert results.counts(ONE, 0, None) is None
    results.write(ONE, 0, None, lines[:2])
    assert results.counts(ONE, 0, None) == {"valid": 1, "invalid": 1}
    assert results.progress(ONE) == {"valid": 3, "invalid": 1}
    assert [(found.n, found.outcome) for found, _ in results.checked(ONE)] == [
        (1, "valid"),
        (2, "invalid"),
        (3, "valid"),
        (4, "valid"),
    ]
    assert [line for _, line in results.checked(ONE)] == [line.text for line in lines]


def test_final_rows_are_fetched_once_and_gone_through_as_often_as_needed() -> None:
    """Each format of the report goes through them."""
    blobs = MemoryBlobs()
    results = ResultStore(blobs)
    rows = [typed(row(n)) for n in range(1, 4)]
    results.write_final(ONE, io.BytesIO(b"".join(found.as_json() + b"\n" for found in rows)))
    blobs.calls.clear()
    with results.final(ONE) as final:
        assert list(final) == list(final) == rows
    assert blobs.calls == [("read", batch_names.rows(ONE))]


def test_two_walks_may_be_made_before_the_first_begins() -> None:
    """The page of a report has two: for what needs attention, and for the rest."""
    results = _with_final_rows(3)
    with results.final(ONE) as final:
        first = iter(final)
        second = iter(final)
        assert [found.n for found in first] == [found.n for found in second] == [1, 2, 3]


def test_walk_that_another_one_took_over_says_so_and_leaves_out_nothing() -> None:
    """Both read from one file."""
    with _with_final_rows(3).final(ONE) as final:
        first = iter(final)
        next(first)
        assert len(list(final)) == 3
        with pytest.raises(RuntimeError, match="another"):
            next(first)


def _with_final_rows(count: int) -> ResultStore:
    results = ResultStore(MemoryBlobs())
    lines = b"".join(typed(row(n)).as_json() + b"\n" for n in range(1, count + 1))
    results.write_final(ONE, io.BytesIO(lines))
    return results


def test_page_of_a_stored_batch_lists_its_valid_documents_beside_the_others() -> None:
    """It goes through the rows once for each of its two lists."""
    results = ResultStore(MemoryBlobs())
    rows = [typed(row(1)), typed(row(2, outcome="invalid")), typed(row(3))]
    results.write_final(ONE, io.BytesIO(b"".join(found.as_json() + b"\n" for found in rows)))
    page = io.BytesIO()
    at = datetime(2026, 11, 22, tzinfo=UTC)
    head = ReportHead(batch=ONE, created=at, finished=at, source="march.zip")
    totals = Totals()
    for found in rows:
        totals.add(found)
    with results.final(ONE) as final:
        write_html(head, totals.result(), final, page)
    assert [f'documents/{n}"' in page.getvalue().decode() for n in (1, 2, 3)] == [True] * 3


def test_damaged_row_names_its_blob() -> None:
    """Somebody's hand was in the storage: no report is better than one that lost a document."""
    blobs = MemoryBlobs()
    results = ResultStore(blobs)
    blobs.write(batch_names.result(ONE, 0), b'{"n": "secret"}\n')
    with pytest.raises(RecordDamaged, match=r"results/00000\.ndjson") as raised:
        list(results.checked(ONE))
    assert "secret" not in str(raised.value)
    results.write_final(ONE, io.BytesIO(b"{}\n"))
    with results.final(ONE) as final, pytest.raises(RecordDamaged, match=r"rows\.ndjson"):
        list(final)

"""The rows of a batch's documents: what each chunk wrote, how many there are so far, and the final ones.

A chunk that keeps failing is halved, so its rows may lie in several blobs, and some of them twice: an attempt
may have written all its rows before its worker died. Whoever reads takes each document once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby, islice
from typing import IO

from pydantic import TypeAdapter

from invoicing.outcomes import RowLine
from invoicing.records.batch import CheckedRow, Counts, Span
from invoicing.records.document import OUTCOMES, DocumentRow
from invoicing.tally import add_counts, count_outcomes
from stores import batch_names, records
from stores.blobs import BlobInfo, Blobs

# Blobs that are fetched at the same time, and so the rows that memory holds at once.
_READ_AHEAD = 8

_CHECKED = TypeAdapter(CheckedRow)
_ROW = TypeAdapter(DocumentRow)

#: A row as far as claiming needs it, and its line of JSON.
Checked = tuple[CheckedRow, bytes]


class ResultStore:
    """The rows of batches. Safe to use from several threads."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    # ------------------------------------------------------------ rows of the check

    def write(self, batch: str, chunk: int, span: Span | None, lines: Iterable[RowLine]) -> Counts:
        """Write the rows of a chunk, or of a span of it; returns their counts.

        The counts go into the blob's metadata, so that a listing tells the progress.
        """
        listed = list(lines)
        counts: Counts = count_outcomes(line.outcome for line in listed)
        text = b"".join(line.text + b"\n" for line in listed)
        metadata = {outcome: str(count) for outcome, count in counts.items()}
        self._blobs.write(_name(batch, chunk, span), text, metadata)
        return counts

    def counts(self, batch: str, chunk: int, span: Span | None) -> Counts | None:
        """The counts of rows that were written; None where there are none of exactly this span."""
        name = _name(batch, chunk, span)
        found = next((blob for blob in self._blobs.list(name) if blob.name == name), None)
        return _counts_of(found) if found else None

    def progress(self, batch: str) -> Counts:
        """Documents by outcome so far; one listing, no blob is read. It never goes down."""
        counts: Counts = {}
        listed = self._blobs.list(batch_names.results(batch))
        for _, parts in groupby(listed, lambda blob: batch_names.chunk_of_result(blob.name)):
            for blob in _outermost(list(parts)):
                counts = add_counts(counts, _counts_of(blob))
        return counts

    def checked(self, batch: str) -> Iterator[Checked]:
        """Every row of the check, in the order of the documents, each document once. Raises RecordDamaged."""
        names = [blob.name for blob in self._blobs.list(batch_names.results(batch))]
        by_chunk = iter([list(group) for _, group in groupby(names, batch_names.chunk_of_result)])
        with ThreadPoolExecutor(_READ_AHEAD) as readers:
            while some := list(islice(by_chunk, _READ_AHEAD)):
                for rows in readers.map(self._checked_in, some):
                    yield from rows

    def _checked_in(self, names: list[str]) -> list[Checked]:
        """The rows of one chunk by number, from the blobs that hold parts of it."""
        rows: dict[int, Checked] = {}
        for name in names:
            for line in self._blobs.read(name).splitlines():
                row = records.from_json(_CHECKED, name, line)
                rows.setdefault(row.n, (row, line))
        return [rows[n] for n in sorted(rows)]

    # ------------------------------------------------------------ final rows

    def write_final(self, batch: str, lines: IO[bytes]) -> None:
        """Write the final rows of all documents in order, duplicates told as such."""
        self._blobs.write(batch_names.rows(batch), lines)

    @contextmanager
    def final(self, batch: str) -> Generator[FinalRows]:
        """The final rows, fetched once into a file. Raises BlobMissing."""
        name = batch_names.rows(batch)
        with tempfile.TemporaryFile() as file:
            self._blobs.read_into(name, file)
            yield FinalRows(name, file)


class FinalRows:
    """The final rows of a batch in a file: they can be gone through several times; memory holds one."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self._name = name
        self._file = file
        self._walks = 0

    def __iter__(self) -> Iterator[DocumentRow]:
        """Every row, from the beginning. Raises RecordDamaged.

        Several may be made before the first is used: each begins when it is asked for its first row. One that
        goes on after another began would leave out rows, so it raises RuntimeError.
        """
        self._file.seek(0)
        self._walks += 1
        walk = self._walks
        for line in self._file:
            yield records.from_json(_ROW, self._name, line)
            if walk != self._walks:
                raise RuntimeError("the rows are gone through from the beginning by another meanwhile")


def row_of(line: bytes) -> DocumentRow:
    """A row out of its line. Raises RecordDamaged."""
    return records.from_json(_ROW, "a row of a batch", line)


def _name(batch: str, chunk: int, span: Span | None) -> str:
    return batch_names.result(batch, chunk, *((span.first, span.last) if span else ()))


def _counts_of(blob: BlobInfo) -> Counts:
    """Documents by outcome in one result blob, from its metadata."""
    counts: Counts = {}
    for outcome in OUTCOMES:
        count = blob.metadata.get(outcome, "")
        if count.isdigit():
            counts[outcome] = int(count)
    return counts


def _outermost(blobs: list[BlobInfo]) -> list[BlobInfo]:
    """The result blobs of a chunk without those whose documents another one has as well."""
    kept: list[BlobInfo] = []
    end = -1
    for blob in sorted(blobs, key=_widest_first):
        _, last = batch_names.part_of_result(blob.name)
        if last > end:
            kept.append(blob)
            end = last
    return kept


def _widest_first(blob: BlobInfo) -> tuple[int, int]:
    first, last = batch_names.part_of_result(blob.name)
    return first, -last

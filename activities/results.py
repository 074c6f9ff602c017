"""A batch's results: rows by chunk, written as lines, and read back whatever parts they were written in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from typing import IO

import azure.durable_functions as df

from adapters import services
from invoicing.outcomes import RowLine
from invoicing.tally import add_counts, count_outcomes
from stores import batch_names
from stores.blobs import BlobInfo, Blobs

bp = df.Blueprint()

# Blobs that are fetched at the same time, and so the rows that memory holds at once.
_READ_AHEAD = 8


@bp.activity_trigger(input_name="batch")
def count_results(batch: str) -> dict:
    """Documents by outcome so far, from the metadata of the result blobs: `{outcome: documents}`."""
    return progress(services.current().blobs, batch)


def progress(blobs: Blobs, batch: str) -> dict[str, int]:
    """Documents by outcome so far; one listing, no blob is read. It never goes down."""
    counts: dict[str, int] = {}
    by_chunk = groupby(
        blobs.list(batch_names.results(batch)), lambda blob: batch_names.chunk_of_result(blob.name)
    )
    for _, parts in by_chunk:
        for blob in _outermost(list(parts)):
            counts = add_counts(counts, counts_of(blob))
    return counts


def _outermost(blobs: list[BlobInfo]) -> list[BlobInfo]:
    """The result blobs of a chunk without those whose documents another one has as well.

    A chunk whose worker died after it had written is halved all the same, and its halves are written too.
    """
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


def counts_of(blob: BlobInfo) -> dict[str, int]:
    """Documents by outcome in one result blob, from its metadata."""
    return {outcome: int(count) for outcome, count in blob.metadata.items() if count.isdigit()}


def write_lines(blobs: Blobs, name: str, lines: list[RowLine]) -> dict[str, int]:
    """Write rows as NDJSON; their counts go into the blob's metadata.

    So that a listing tells the progress.
    """
    counts = count_outcomes(line.outcome for line in lines)
    text = b"".join(line.text + b"\n" for line in lines)
    blobs.write(name, text, {outcome: str(count) for outcome, count in counts.items()})
    return counts


def final_rows(file: IO[bytes]) -> Iterator[dict]:
    """Every row of a file of rows (NDJSON), from its beginning."""
    file.seek(0)
    return map(json.loads, file)


def rows_of(blobs: Blobs, batch: str) -> Iterator[tuple[dict, bytes]]:
    """Every row of the check with its line of JSON, in the order of the documents, each document once.

    A chunk may have left rows of a first, whole attempt and of its halves: the same documents, so one is
    taken.
    """
    names = [blob.name for blob in blobs.list(batch_names.results(batch))]
    by_chunk = iter([list(group) for _, group in groupby(names, batch_names.chunk_of_result)])
    with ThreadPoolExecutor(_READ_AHEAD) as readers:
        while some := list(islice(by_chunk, _READ_AHEAD)):
            for rows in readers.map(lambda parts: _rows_and_lines(blobs, parts), some):
                yield from rows


def rows_of_chunk(blobs: Blobs, names: list[str]) -> list[dict]:
    """The rows of one chunk by number, from the blobs (`names`) that hold parts of it."""
    return [row for row, _ in _rows_and_lines(blobs, names)]


def _rows_and_lines(blobs: Blobs, names: list[str]) -> list[tuple[dict, bytes]]:
    rows: dict[int, tuple[dict, bytes]] = {}
    for name in names:
        for line in blobs.read(name).splitlines():
            row = json.loads(line)
            rows.setdefault(row["n"], (row, line))
    return [rows[n] for n in sorted(rows)]

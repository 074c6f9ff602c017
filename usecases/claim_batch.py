"""Claim a batch: each valid invoice is taken once, within its batch and for ever; then its rows are final.

Only valid invoices claim their number: the corrected copy of a rejected invoice is no duplicate.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO

from adapters.services import Services
from invoicing.duplicates import SHARDS, shard_of
from invoicing.outcomes import duplicate_row
from invoicing.records.base import BatchId
from invoicing.records.batch_steps import PartResult
from invoicing.report import Totals
from stores.batches import BatchStore
from stores.claims import Claim, ClaimStore, Shard
from stores.results import ResultStore, row_of

_SHARDS_AT_ONCE = 8
# Documents a shard from which on it is worth while to fetch all shards at once.
_MANY = 8


class ResultsIncomplete(Exception):
    """The manifest has more documents than the results: a result blob was removed from outside."""


def claim_batch(services: Services, batch: BatchId) -> PartResult:
    """Claim the valid invoices, and write the final rows, duplicates told as such, with their totals.

    Repeating it changes nothing. Raises ResultsIncomplete where results are missing; nothing is claimed then.
    """
    batches = BatchStore(services.blobs)
    if batches.is_asked_to_stop(batch):
        return PartResult(outcome="stopped")
    results = ResultStore(services.blobs)
    expected = batches.manifest(batch).documents
    with tempfile.TemporaryFile() as lines, tempfile.TemporaryFile() as final:
        with _Claiming(ClaimStore(services.blobs), expected) as claiming:
            checked = _gathered(results, batch, lines)
            if len(checked.numbers) != expected:
                raise ResultsIncomplete(
                    f"the manifest has {expected} documents and the results {len(checked.numbers)}; "
                    "nothing is claimed"
                )
            duplicates = claiming.claim(checked.wanted)
        totals = _finished(batch, checked, duplicates, final)
        results.write_final(batch, final)
    batches.write_totals(batch, totals.result())
    return PartResult(outcome="ok", counts=totals.outcomes)


@dataclass
class _Checked:
    """What the check found: its rows as lines of a file, their numbers in order, and what they claim."""

    lines: IO[bytes]
    numbers: list[int] = field(default_factory=list[int])
    #: Claims by shard, in the order of the documents.
    wanted: dict[int, list[Claim]] = field(default_factory=dict[int, list[Claim]])


def _gathered(results: ResultStore, batch: str, lines: IO[bytes]) -> _Checked:
    checked = _Checked(lines)
    for row, line in results.checked(batch):
        lines.write(line + b"\n")
        checked.numbers.append(row.n)
        if row.outcome == "valid" and row.claim:
            claim = Claim(row.claim, f"{batch}/{row.n}")
            checked.wanted.setdefault(shard_of(row.claim), []).append(claim)
    return checked


class _Claiming:
    """Claims in several shards at the same time.

    A batch of some size touches every shard, so they are fetched while the results are.
    """

    def __init__(self, claims: ClaimStore, documents: int) -> None:
        self._claims = claims
        self._pool = ThreadPoolExecutor(_SHARDS_AT_ONCE)
        many = documents >= _MANY * SHARDS
        self._shards = [self._pool.submit(claims.read, shard) for shard in range(SHARDS)] if many else []

    def __enter__(self) -> _Claiming:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def claim(self, wanted: dict[int, list[Claim]]) -> dict[str, str]:
        """Claim; returns the documents (`b…/17`) whose number another holds, each with its holder."""

        def in_shard(shard: int) -> dict[Claim, str]:
            return self._claims.claim_all(shard, wanted[shard], self._known(shard))

        lost = self._pool.map(in_shard, sorted(wanted))
        return {claim.owner: holder for part in lost for claim, holder in part.items()}

    def _known(self, shard: int) -> Shard | None:
        return self._shards[shard].result() if self._shards else None


def _finished(batch: str, checked: _Checked, duplicates: dict[str, str], final: IO[bytes]) -> Totals:
    """Write the rows as they are in the end, the file rewound; returns their totals."""
    totals = Totals()
    for line in _lines(checked.lines):
        row = row_of(line)
        holder = duplicates.get(f"{batch}/{row.n}")
        if holder is None:
            final.write(line)
        else:
            row = duplicate_row(row, batch, holder)
            final.write(row.as_json() + b"\n")
        totals.add(row)
    final.seek(0)
    return totals


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    return iter(file)

"""Claim: each valid invoice is taken once, within its batch and for ever; then the batch's rows are final."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO

import azure.durable_functions as df

from activities.results import rows_of
from adapters import services
from invoicing.batching import documents_of
from invoicing.duplicates import SHARDS, shard_of
from invoicing.outcomes import duplicate_row
from stores import batch_names
from stores.blobs import Blobs
from stores.claims import Claim, ClaimStore

bp = df.Blueprint()

_SHARDS_AT_ONCE = 8
# Documents a shard from which on it is worth while to fetch all shards at once.
_MANY = 8


class ResultsIncomplete(Exception):
    """The manifest has more documents than the results: a result blob was removed from outside."""


@bp.activity_trigger(input_name="batch")
def claim_invoices(batch: str) -> dict:
    """Claim the batch's valid invoices, and write its final rows (NDJSON), duplicates told as such.

    Only valid invoices claim their number: the corrected copy of a rejected invoice is no duplicate.
    Output: `{"outcome": "ok", "counts": {outcome: documents}}`, or "stopped". Nothing is claimed where
    results are missing. Repeating it changes nothing.
    """
    blobs = services.current().blobs
    claims = ClaimStore(blobs)
    if blobs.exists(batch_names.stop_mark(batch)):
        return {"outcome": "stopped", "counts": {}}
    expected = documents_of(json.loads(blobs.read(batch_names.manifest(batch))))
    with (
        tempfile.TemporaryFile() as lines,
        tempfile.TemporaryFile() as final,
        ThreadPoolExecutor(_SHARDS_AT_ONCE) as pool,
    ):
        # A batch of some size touches every shard, so they are fetched while the results are.
        many = expected >= _MANY * SHARDS
        shards = [pool.submit(claims.read, n) for n in range(SHARDS)] if many else []
        checked = _gather(blobs, batch, lines)
        if len(checked.numbers) != expected:
            raise ResultsIncomplete(
                f"the manifest has {expected} documents and the results {len(checked.numbers)}; "
                "nothing is claimed"
            )

        def claim(shard: int) -> dict[Claim, str]:
            known = shards[shard].result() if shards else None
            return claims.claim_all(shard, checked.wanted[shard], known)

        duplicates: dict[str, str] = {}
        for lost in pool.map(claim, sorted(checked.wanted)):
            duplicates |= {claim.owner.rpartition("/")[2]: holder for claim, holder in lost.items()}
        counts = _finish(batch, checked, duplicates, final)
        blobs.write(batch_names.rows(batch), final)
    return {"outcome": "ok", "counts": counts}


@dataclass
class _Checked:
    """What the check found: its rows as lines of a file, their numbers in order, and what they claim."""

    lines: IO[bytes]
    numbers: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    #: Claims by shard, in the order of the documents.
    wanted: dict[int, list[Claim]] = field(default_factory=dict)


def _gather(blobs: Blobs, batch: str, lines: IO[bytes]) -> _Checked:
    checked = _Checked(lines)
    for row, line in rows_of(blobs, batch):
        lines.write(line + b"\n")
        checked.numbers.append(row["n"])
        checked.counts[row["outcome"]] += 1
        if row["outcome"] == "valid" and row["claim"]:
            claim = Claim(row["claim"], f"{batch}/{row['n']}")
            checked.wanted.setdefault(shard_of(row["claim"]), []).append(claim)
    return checked


def _finish(batch: str, checked: _Checked, duplicates: dict[str, str], final: IO[bytes]) -> dict[str, int]:
    """Write the rows as they are in the end, the file rewound; returns their counts by outcome."""
    checked.lines.seek(0)
    counts = checked.counts.copy()
    for n, line in zip(checked.numbers, checked.lines, strict=True):
        holder = duplicates.get(str(n))
        if holder is None:
            final.write(line)
            continue
        row = json.loads(line)
        last = duplicate_row(row, batch, holder)
        counts[row["outcome"]] -= 1
        counts[last["outcome"]] += 1
        final.write(json.dumps(last, ensure_ascii=False).encode() + b"\n")
    final.seek(0)
    return {outcome: count for outcome, count in counts.items() if count}

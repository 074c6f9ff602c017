"""Claim: each valid invoice is taken once, within its batch and for ever; then the batch's rows are final."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO

import azure.durable_functions as df

from activities.results import final_rows, rows_of
from adapters import services
from adapters.blobs import BlobConflict, BlobMissing, Blobs, StorageUnavailable
from invoicing import batch_names
from invoicing.duplicates import merge, shard_of
from invoicing.outcomes import duplicate_row

bp = df.Blueprint()

_SHARDS_AT_ONCE = 8
# Another batch may write a shard between our read and our write; each try then starts from its result.
_TRIES = 20

# What is claimed in each shard: (key, owner) in the order of the documents.
_Wanted = dict[int, list[tuple[str, str]]]


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
    if blobs.exists(batch_names.stop_mark(batch)):
        return {"outcome": "stopped", "counts": {}}
    with tempfile.TemporaryFile() as checked, tempfile.TemporaryFile() as final:
        wanted, rows = _gather(blobs, batch, checked)
        _require_all(blobs, batch, rows)
        duplicates = _claim(blobs, wanted)
        counts = _finish(batch, checked, duplicates, final)
        blobs.write(batch_names.rows(batch), final)
    return {"outcome": "ok", "counts": counts}


def _gather(blobs: Blobs, batch: str, checked: IO[bytes]) -> tuple[_Wanted, int]:
    """Write the rows of the check to a file; returns what they claim, and how many they are."""
    wanted: _Wanted = {}
    count = 0
    for row in rows_of(blobs, batch):
        count += 1
        checked.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        if row["outcome"] == "valid" and row["claim"]:
            claim = (row["claim"], f"{batch}/{row['n']}")
            wanted.setdefault(shard_of(row["claim"]), []).append(claim)
    return wanted, count


def _require_all(blobs: Blobs, batch: str, found: int) -> None:
    manifest = json.loads(blobs.read(batch_names.manifest(batch)))
    expected = sum(len(chunk["documents"]) + len(chunk["refused"]) for chunk in manifest["chunks"])
    if found != expected:
        raise ResultsIncomplete(
            f"the manifest has {expected} documents and the results {found}; nothing is claimed"
        )


def _claim(blobs: Blobs, wanted: _Wanted) -> dict[str, str]:
    """Claim shard by shard; returns `{document: holder}` of the duplicates."""
    duplicates: dict[str, str] = {}
    with ThreadPoolExecutor(_SHARDS_AT_ONCE) as pool:
        for lost in pool.map(lambda shard: claim_in_shard(blobs, shard, wanted[shard]), sorted(wanted)):
            duplicates |= lost
    return duplicates


def _finish(batch: str, checked: IO[bytes], duplicates: dict[str, str], final: IO[bytes]) -> dict[str, int]:
    """Write the rows as they are in the end, the file rewound; returns their counts by outcome."""
    counts: Counter[str] = Counter()
    for row in final_rows(checked):
        holder = duplicates.get(str(row["n"]))
        last = duplicate_row(row, batch, holder) if holder else row
        counts[last["outcome"]] += 1
        final.write(json.dumps(last, ensure_ascii=False).encode() + b"\n")
    final.seek(0)
    return dict(counts)


def claim_in_shard(blobs: Blobs, shard: int, wanted: list[tuple[str, str]]) -> dict[str, str]:
    """Add claims to one shard; returns `{document: holder}` of those that another document holds."""
    holders: dict[str, str] = {}

    def merged(text: str) -> str:
        nonlocal holders
        text, holders = merge(text, wanted)
        return text

    rewrite_shard(blobs, batch_names.claim_shard(shard), merged)
    return {owner.rpartition("/")[2]: holders[key] for key, owner in wanted if holders[key] != owner}


def rewrite_shard(blobs: Blobs, name: str, change: Callable[[str], str]) -> bool:
    """Change a shard's text under its ETag, again whenever another was quicker; says whether it changed.

    Raises StorageUnavailable where others keep writing it.
    """
    for _ in range(_TRIES):
        try:
            before, etag = blobs.read_with_etag(name)
        except BlobMissing:
            before, etag = b"", None
        text = change(before.decode()).encode()
        if text == before:
            return False
        try:
            _put(blobs, name, text, etag)
        except BlobConflict:
            continue
        return True
    raise StorageUnavailable(f"{name}: other batches keep writing it; trying again later")


def _put(blobs: Blobs, name: str, data: bytes, etag: str | None) -> None:
    if etag is None:
        blobs.create(name, data)
    else:
        blobs.replace(name, data, etag)

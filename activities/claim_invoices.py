"""Claim: each valid invoice is taken once, within its batch and for ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import azure.durable_functions as df

from activities.results import rows_of
from adapters import services
from adapters.blobs import BlobConflict, BlobMissing, Blobs, StorageUnavailable
from invoicing import batch_names
from invoicing.duplicates import merge, shard_of

bp = df.Blueprint()

_SHARDS_AT_ONCE = 8
# Another batch may write a shard between our read and our write; each try then starts from its result.
_TRIES = 20


@bp.activity_trigger(input_name="batch")
def claim_invoices(batch: str) -> dict:
    """Claim the batch's valid invoices and write down which are duplicates of what.

    Only valid invoices claim their number: the corrected copy of a rejected invoice is no duplicate.
    Output: `{"outcome": "ok", "duplicates": count}`, or "stopped". Repeating it changes nothing.
    """
    blobs = services.current().blobs
    if blobs.exists(batch_names.stop_mark(batch)):
        return {"outcome": "stopped", "duplicates": 0}
    wanted: dict[int, list[tuple[str, str]]] = {}
    for row in rows_of(blobs, batch):
        if row["outcome"] == "valid" and row["claim"]:
            claim = (row["claim"], f"{batch}/{row['n']}")
            wanted.setdefault(shard_of(row["claim"]), []).append(claim)
    duplicates: dict[str, str] = {}
    with ThreadPoolExecutor(_SHARDS_AT_ONCE) as pool:
        for lost in pool.map(lambda shard: claim_in_shard(blobs, shard, wanted[shard]), sorted(wanted)):
            duplicates |= lost
    blobs.write(batch_names.claims(batch), json.dumps({"duplicates": duplicates}).encode())
    return {"outcome": "ok", "duplicates": len(duplicates)}


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

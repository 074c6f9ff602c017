"""Which blobs were taken, and by whom: hashes of name and version, divided into shards. Pure.

A shard is a small record with the hashes of each owner in one text, so 100,000 blobs are 16 blobs of 100 KB.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable, Mapping

from invoicing.records.sweep import SweptBlob, TakenShard

#: Files that the hashes are divided into.
SHARDS = 16

# 96 bits: two of a million blobs are alike in one of 10**17 containers. A multiple of three, so that base64
# has no padding.
_KEY = 12

Taken = dict[bytes, str]
"""Who has taken each blob, by its key."""


def key_of(container: str, blob: SweptBlob) -> bytes:
    """What stands for one version of a blob: a change under the same name is another one."""
    text = "\0".join((container, blob.name, blob.etag))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_KEY]


def shard_of(key: bytes) -> int:
    """The shard that a key belongs to."""
    return key[0] % SHARDS


def by_shard(keys: Iterable[bytes]) -> dict[int, list[bytes]]:
    """Keys by the shard that they belong to."""
    shards: dict[int, list[bytes]] = {}
    for key in keys:
        shards.setdefault(shard_of(key), []).append(key)
    return shards


def unpacked(shard: TakenShard) -> Taken:
    """Who has taken what, out of a shard. Raises ValueError for one that is damaged."""
    taken: Taken = {}
    for owner, text in shard.owners.items():
        data = base64.b64decode(text, validate=True)
        if len(data) % _KEY:
            raise ValueError(f"{len(data)} bytes are no whole number of keys")
        for start in range(0, len(data), _KEY):
            taken[data[start : start + _KEY]] = owner
    return taken


def packed(taken: Mapping[bytes, str]) -> TakenShard:
    """The shard of who has taken what; the same for the same."""
    owners: dict[str, list[bytes]] = {}
    for key, owner in sorted(taken.items()):
        owners.setdefault(owner, []).append(key)
    return TakenShard(
        owners={owner: base64.b64encode(b"".join(keys)).decode() for owner, keys in sorted(owners.items())}
    )


def owner_of(sweep: str, window: int) -> str:
    """The name under which a window of a sweep takes blobs."""
    return f"{sweep}.{window}"


def sweep_of(owner: str) -> str:
    """The sweep that a window belongs to."""
    return owner.rpartition(".")[0]


def claimed(taken: Taken, owner: str, keys: Iterable[bytes]) -> Taken:
    """What is taken after an owner has asked for some keys: those that nobody has are its own then."""
    return {**dict.fromkeys(keys, owner), **taken}


def given_back(taken: Taken, sweeps: Collection[str]) -> Taken:
    """What is taken after some sweeps have given back all they had."""
    return {key: owner for key, owner in taken.items() if sweep_of(owner) not in sweeps}


def gone(taken: Taken, there: Collection[bytes], under_way: Collection[str]) -> set[bytes]:
    """What need not be known any more: versions that are gone, unless a sweep under way took them."""
    return {key for key, owner in taken.items() if key not in there and sweep_of(owner) not in under_way}

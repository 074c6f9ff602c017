"""Who holds which invoice: 16 sorted files (shards), each changed under its ETag.

Another batch may write a shard between our read and our write. Then the change is made again on what that
one wrote, so two documents can never both hold one number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from invoicing.duplicates import merge, release, shard_of
from stores import batch_names
from stores.blobs import BlobConflict, BlobMissing, Blobs, StorageUnavailable

# Each try starts from what another has written.
_TRIES = 20


@dataclass(frozen=True)
class Claim:
    """A document that claims its number: the claim's key, and the name of the document (`b…/17`, `i…/1`)."""

    key: str
    owner: str


@dataclass(frozen=True)
class Shard:
    """A shard as it was read; `etag` None: it is not there yet."""

    text: str
    etag: str | None


class ClaimStore:
    """The claims of all invoices ever seen. Safe to use from several threads."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def claim(self, claim: Claim) -> str | None:
        """Claim one number; returns the document that holds it already, None where it is ours now.

        Repeating it changes nothing. Raises StorageUnavailable where others keep writing the shard.
        """
        return self.claim_all(shard_of(claim.key), [claim]).get(claim)

    def claim_all(self, shard: int, wanted: Iterable[Claim], known: Shard | None = None) -> dict[Claim, str]:
        """Add claims to one shard; returns those that another document holds, each with its holder.

        Of two claims of one key the first wins. `known`: the shard as it was read a moment ago.
        """
        listed = list(wanted)
        holders: dict[str, str] = {}

        def merged(text: str) -> str:
            nonlocal holders
            text, holders = merge(text, [(claim.key, claim.owner) for claim in listed])
            return text

        self._rewrite(shard, merged, known)
        return {claim: holders[claim.key] for claim in listed if holders[claim.key] != claim.owner}

    def release(self, key: str, owner: str) -> bool:
        """Give a claim back, so that a corrected copy is no duplicate; says whether the owner held it."""
        return self._rewrite(shard_of(key), lambda text: release(text, key, owner))

    def read(self, shard: int) -> Shard:
        """A shard as it is now."""
        try:
            text, etag = self._blobs.read_with_etag(batch_names.claim_shard(shard))
        except BlobMissing:
            return Shard("", None)
        return Shard(text.decode(), etag)

    def _rewrite(self, number: int, change: Callable[[str], str], known: Shard | None = None) -> bool:
        """Change a shard, again whenever another was quicker; says whether it changed."""
        for _ in range(_TRIES):
            shard = known or self.read(number)
            known = None
            text = change(shard.text)
            if text == shard.text:
                return False
            try:
                self._put(number, text, shard.etag)
            except BlobConflict:
                continue
            return True
        name = batch_names.claim_shard(number)
        raise StorageUnavailable(f"{name}: other batches keep writing it; trying again later")

    def _put(self, number: int, text: str, etag: str | None) -> None:
        name = batch_names.claim_shard(number)
        if etag is None:
            self._blobs.create(name, text.encode())
        else:
            self._blobs.replace(name, text.encode(), etag)

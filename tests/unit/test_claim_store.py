"""Claims in storage: one number has one holder, whoever writes at the same time."""

from __future__ import annotations

import pytest

from invoicing.duplicates import shard_of
from stores import batch_names
from stores.blobs import StorageUnavailable
from stores.claims import Claim, ClaimStore
from tests.fakes.memory_blobs import MemoryBlobs

KEY, OTHER = "a" * 32, "b" * 32
ONE, TWO = "b" + "1" * 24, "b" + "2" * 24


def test_first_who_claims_a_number_holds_it() -> None:
    """Who asks again keeps it, and another is told who holds it."""
    claims = ClaimStore(MemoryBlobs())
    assert claims.claim(Claim(KEY, f"{ONE}/1")) is None
    assert claims.claim(Claim(KEY, f"{ONE}/1")) is None
    assert claims.claim(Claim(KEY, f"{TWO}/9")) == f"{ONE}/1"


def test_two_documents_of_one_batch_with_one_number() -> None:
    """The lower number holds it."""
    claims = ClaimStore(MemoryBlobs())
    first, second = Claim(KEY, f"{ONE}/1"), Claim(KEY, f"{ONE}/2")
    assert claims.claim_all(shard_of(KEY), [first, second]) == {second: f"{ONE}/1"}


def test_released_number_is_free_again() -> None:
    """Only its owner gives it back, and once."""
    claims = ClaimStore(MemoryBlobs())
    claims.claim(Claim(KEY, f"{ONE}/17"))
    assert not claims.release(KEY, f"{ONE}/1")
    assert not claims.release(OTHER, f"{ONE}/17")
    assert claims.release(KEY, f"{ONE}/17")
    assert not claims.release(KEY, f"{ONE}/17")
    assert claims.claim(Claim(KEY, f"{TWO}/1")) is None


def test_release_reads_one_blob_and_writes_it() -> None:
    """It costs the same in a batch of any size: nothing of the batch is read."""
    blobs = MemoryBlobs()
    claims = ClaimStore(blobs)
    claims.claim(Claim(KEY, f"{ONE}/17"))
    blobs.calls.clear()
    claims.release(KEY, f"{ONE}/17")
    shard = batch_names.claim_shard(shard_of(KEY))
    assert blobs.calls == [("read", shard), ("replace", shard)]


@pytest.mark.parametrize("verb", ["create", "replace"])
def test_rival_who_was_quicker_is_not_written_over(verb: str) -> None:
    """The change is made again on what the rival wrote."""
    blobs = MemoryBlobs()
    claims = ClaimStore(blobs)
    shard = batch_names.claim_shard(shard_of(KEY))
    if verb == "replace":
        blobs.write(shard, b"")
    rival = [f"{KEY} {TWO}/9\n".encode()]

    def interrupt(called: str, name: str) -> None:
        if called == verb and rival:
            blobs.write(name, rival.pop())

    blobs.fails = interrupt
    assert claims.claim(Claim(KEY, f"{ONE}/1")) == f"{TWO}/9"


def test_shard_that_others_keep_writing_is_an_outage() -> None:
    """The workflow waits and comes back."""
    blobs = MemoryBlobs()

    def busy(verb: str, name: str) -> None:
        if verb in ("create", "replace"):
            blobs.write(name, b"")

    blobs.fails = busy
    with pytest.raises(StorageUnavailable, match="other batches"):
        ClaimStore(blobs).claim(Claim(KEY, f"{ONE}/1"))

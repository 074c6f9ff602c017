"""A thousand seeded worlds: deliveries, crashes, outages and double clicks in another order each time.

Never two outcomes of one stage, never a decision lost, never a payable without the approvals that the policy
asks for. A failure names its seed; `World(seed).run()` lives through it again.
"""

from __future__ import annotations

import pytest

from tests.fakes.memory_blobs import MemoryBlobs
from tests.orchestrators.approval_model import World
from tests.orchestrators.worlds import live, live_many

pytestmark = pytest.mark.usefixtures("quick_and_quiet")

SEEDS, PART = 1000, 50


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_nothing_is_decided_twice_or_lost_or_paid_without_approval(first: int) -> None:
    """Fifty worlds in one test, so that the whole stays quick; the invariants are those of `World.check`."""
    live_many(World, range(first, first + PART))


def test_worlds_see_what_they_are_made_for() -> None:
    """Among two hundred worlds there are all ends, refusals of all kinds, crashes, and lost events."""
    worlds = live_many(World, range(200))
    ends = {world.status for world in worlds}
    text = "\n".join(line for world in worlds for line in world.trace)
    assert ends >= {"booked", "rejected", "expired"}
    refusals = ("same_person", "needed_later", "stage_over", "link_used")
    for seen in ("the host died", "before the event", "meanwhile", *refusals):
        assert seen in text, seen


def test_storage_that_lets_two_write_one_entry_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worlds are worth something: without If-None-Match a decision gets lost in one of them."""

    def create(blobs: MemoryBlobs, name: str, data: bytes) -> None:
        blobs._note("create", name)
        blobs._put(name, data)

    monkeypatch.setattr(MemoryBlobs, "create", create)
    with pytest.raises(AssertionError):
        live_many(World, range(SEEDS))


@pytest.mark.parametrize("seed", range(0, 1000, 100))
def test_same_seed_gives_the_same_world(seed: int) -> None:
    """To the last entry of the ledger."""
    one, two = live(World, seed), live(World, seed)
    assert one.trace == two.trace
    assert {n: v[0] for n, v in one.office.blobs.stored.items()} == {
        n: v[0] for n, v in two.office.blobs.stored.items()
    }

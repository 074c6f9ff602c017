"""Hundreds of seeded worlds of messages: none is lost, none is sent twice unless a process died in between.

A failure names its seed; `World(seed).run()` lives through it again.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from stores import digests
from tests.orchestrators.message_model import World
from tests.orchestrators.worlds import live, live_many

pytestmark = pytest.mark.usefixtures("quick_and_quiet")

SEEDS, PART = 400, 40


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_no_message_is_lost_and_none_is_sent_twice(first: int) -> None:
    """Forty worlds in one test, so that the whole stays quick; the invariants are those of `World.check`."""
    live_many(World, range(first, first + PART))


def test_worlds_see_what_they_are_made_for() -> None:
    """Among forty worlds there are crashes, outages, closed slots, lost starts, and messages of all ends."""
    worlds = live_many(World, range(40))
    text = "\n".join(line for world in worlds for line in world.trace)
    for seen in ("the host died", "is closed", "a start is lost", "server is down", "_outage"):
        assert seen in text, seen
    assert {notice.state for world in worlds for notice in world.office.told} >= {"sent", "obsolete"}
    assert sum(world.sent_and_died for world in worlds) > 0


def test_slot_that_may_be_joined_after_it_was_closed_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worlds are worth something: without the look at the mark a message is lost in one of them."""
    monkeypatch.setattr(digests, "CLOCKS_DIFFER", timedelta(days=-1))
    with pytest.raises(AssertionError):
        live_many(World, range(SEEDS))


@pytest.mark.parametrize("seed", range(0, 400, 100))
def test_same_seed_gives_the_same_world(seed: int) -> None:
    """To the last message."""
    one, two = live(World, seed), live(World, seed)
    assert one.trace == two.trace
    assert {n: v[0] for n, v in one.office.blobs.stored.items()} == {
        n: v[0] for n, v in two.office.blobs.stored.items()
    }

"""Hundreds of seeded worlds of messages: none is lost, none is sent twice unless a process died in between.

A failure names its seed; `World(seed).run()` lives through it again.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import cache

import pytest
from azure.durable_functions.models.history import HistoryEvent

from adapters import digests
from tests.orchestrators.message_model import World

SEEDS, PART = 400, 40


@pytest.fixture(autouse=True)
def _quick_and_quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The worlds are full of failures that are logged, and each replay reads all times of its history."""
    module = sys.modules[HistoryEvent.__module__]
    monkeypatch.setattr(module, "dt_parse", cache(vars(module)["dt_parse"]))
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def _live(seed: int) -> World:
    world = World(seed)
    try:
        world.run()
    except BaseException as error:
        error.add_note(f"seed {seed}:\n  " + "\n  ".join(world.trace))
        raise
    return world


def _live_many(seeds: range) -> list[World]:
    return [_live(seed) for seed in seeds]


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_no_message_is_lost_and_none_is_sent_twice(first: int) -> None:
    """Forty worlds in one test, so that the whole stays quick; the invariants are those of `World.check`."""
    _live_many(range(first, first + PART))


def test_worlds_see_what_they_are_made_for() -> None:
    """Among forty worlds there are crashes, outages, closed slots, lost starts, and messages of all ends."""
    worlds = _live_many(range(40))
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
        _live_many(range(SEEDS))


@pytest.mark.parametrize("seed", range(0, 400, 100))
def test_same_seed_gives_the_same_world(seed: int) -> None:
    """To the last message."""
    one, two = _live(seed), _live(seed)
    assert one.trace == two.trace
    assert {n: v[0] for n, v in one.office.blobs.stored.items()} == {
        n: v[0] for n, v in two.office.blobs.stored.items()
    }

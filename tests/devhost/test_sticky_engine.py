"""The tests of the engine once more, each episode decided both ways: by a replay and by a kept generator."""

# ruff: noqa: F403  the tests of other modules are the tests of this one
from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.devhost import engine_kit
from tests.devhost.sticky_kit import Compared
from tests.devhost.test_engine import *
from tests.devhost.test_engine_entities import *
from tests.devhost.test_engine_parts import *
from tests.devhost.test_engine_requests import *

# These count the calls of the user's code, which are two for each episode here.
COUNTING = ("replayed_a_few_times", "replays")


@pytest.fixture(autouse=True)
def compared(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Put the comparing decider into every host of a test."""
    made: list[Compared] = []

    def make(*arguments: object) -> Compared:
        made.append(Compared(*arguments))  # pyright: ignore[reportArgumentType]
        return made[-1]

    monkeypatch.setattr(engine_kit, "DECIDER", make)
    yield
    gc.collect()
    assert [one for decider in made for one in decider.differences] == []

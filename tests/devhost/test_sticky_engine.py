"""The tests of the engine once more, each episode decided both ways: by a replay and by a kept generator."""

# ruff: noqa: F403  the tests of other modules are the tests of this one
from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.devhost.sticky_kit import deciding_both_ways
from tests.devhost.test_engine import *
from tests.devhost.test_engine_entities import *
from tests.devhost.test_engine_parts import *
from tests.devhost.test_engine_requests import *
from tests.devhost.test_rewinding import *

# It counts the calls of the user's code, of which there are more here.
del test_a_fan_out_is_replayed_a_few_times_not_once_for_each_child  # noqa: F821  it came with a star
# Here the text names the place as well; that is a test of its own.
ADDS_THE_PLACE = "test_a_changed_orchestrator_fails_as_non_deterministic"


@pytest.fixture(autouse=True)
def _both_ways(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    with deciding_both_ways(monkeypatch) as deciders:
        yield
    if request.node.name != ADDS_THE_PLACE:
        assert [one for decider in deciders for one in decider.differences] == []

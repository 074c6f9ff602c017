"""The tests of the engine once more, orchestrators and entities run elsewhere, as by worker processes."""

# ruff: noqa: F403  the tests of other modules are the tests of this one
from __future__ import annotations

import pytest

from tests.devhost import engine_kit
from tests.devhost.test_engine import *
from tests.devhost.test_engine_crash import *
from tests.devhost.test_engine_entities import *
from tests.devhost.test_engine_parts import *
from tests.devhost.test_engine_requests import *


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_kit, "STEP_RUNNER", engine_kit.StepsElsewhere)

"""Puts a decider into the hosts of `engine_kit` that runs each episode both ways."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from devhost.orchestration.sdk_probe import Both
from tests.devhost import engine_kit


@contextmanager
def deciding_both_ways(patch: pytest.MonkeyPatch) -> Iterator[list[Both]]:
    """Have plain replays decide, and note where kept generators would not do the same."""
    made: list[Both] = []

    def make(handle_of: Any, plain: Any) -> Both:
        made.append(Both(plain, handle_of))
        return made[-1]

    patch.setattr(engine_kit, "DECIDER", make)
    yield made
    gc.collect()  # what generators say when they are dropped belongs to the test that made them

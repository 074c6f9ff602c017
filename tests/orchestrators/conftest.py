"""What tests of many worlds share."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from functools import cache

import pytest
from azure.durable_functions.models.history import HistoryEvent


@pytest.fixture
def quick_and_quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The worlds are full of failures that are logged, and each replay reads all times of its history again:
    a cache of what was read halves the time and changes nothing.
    """
    module = sys.modules[HistoryEvent.__module__]
    monkeypatch.setattr(module, "dt_parse", cache(vars(module)["dt_parse"]))
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)

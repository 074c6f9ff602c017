"""The order of all tests, and how examples are made for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

_BROWSER = Path(__file__).resolve().parent / "pages"

# How long one example takes says how busy the machine is, and nothing of the code.
settings.register_profile("settle", deadline=None)
settings.load_profile("settle")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a browser come last: Playwright leaves an event loop running in their thread.

    What comes after them could not run a coroutine of its own.
    """
    items.sort(key=lambda item: _BROWSER in item.path.parents)

"""The order of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

_BROWSER = Path(__file__).resolve().parent / "pages"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a browser come last: Playwright leaves an event loop running in their thread.

    What comes after them could not run a coroutine of its own.
    """
    items.sort(key=lambda item: _BROWSER in item.path.parents)

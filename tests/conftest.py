"""The order of all tests, how examples are made for them, and where caches lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

_HERE = Path(__file__).resolve().parent
_BROWSER = _HERE / "pages"

# With the other caches (pyproject.toml): a new folder in the app's root restarts a host that runs there.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(_HERE.parent / ".state" / "cache" / "hypothesis"))

# What a `dev.py run` beside the tests makes before it starts a host.
_MADE_BY_RUNS = {".azurite", ".devhost", ".state"}

# How long one example takes says how busy the machine is, and nothing of the code.
settings.register_profile("settle", deadline=None)
settings.load_profile("settle")


_FOUND = pytest.StashKey[set[str]]()


def _folders(root: Path) -> set[str]:
    return {one.name for one in root.iterdir() if one.is_dir()}


def pytest_sessionstart(session: pytest.Session) -> None:
    """Note which folders there are."""
    session.stash[_FOUND] = _folders(session.config.rootpath)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tests make no folder in the app's root: Core Tools would restart a host that runs there."""
    made = _folders(session.config.rootpath) - session.stash[_FOUND] - _MADE_BY_RUNS
    if made and session.exitstatus == pytest.ExitCode.OK:
        print(f"\nThe tests have made folders in the project's root: {', '.join(sorted(made))}.")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a browser come last: Playwright leaves an event loop running in their thread.

    What comes after them could not run a coroutine of its own.
    """
    items.sort(key=lambda item: _BROWSER in item.path.parents)

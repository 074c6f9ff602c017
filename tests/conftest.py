"""The order of all tests, how processes share them, how examples are made, and where caches lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

_HERE = Path(__file__).resolve().parent
#: Tests of these folders share what a process starts once, or look at the same folders.
_HOSTS = {"e2e": "end to end", "pages": "pages", "local": "local"}

#: The longest units, to begin with: else one process still works at them when the others have nothing left.
_FIRST = [
    "end to end",
    "pages",
    "crash/test_kill.py",
    "local",
    "crash/test_hostile_documents.py",
    "orchestrators/test_digest_simulation.py",
    "devhost/test_kill_at_every_commit.py",
    "fuzz/test_fuzz.py",
]

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
    """Tests of the units that take longest come first, those of one unit one after the other."""
    items.sort(key=lambda item: _place(_unit(item.nodeid)))


def _place(unit: str) -> int:
    return _FIRST.index(unit) if unit in _FIRST else len(_FIRST)


def _unit(test: str) -> str:
    """The unit of work that a test belongs to, by its id: a few folders, else its module."""
    path = test.partition("::")[0].removeprefix("tests/")
    return _HOSTS.get(path.partition("/")[0], path)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where processes share the tests, a unit of work goes to one of them whole."""
    from xdist.scheduler import LoadScopeScheduling

    class ByUnit(LoadScopeScheduling):
        """Gives each process one unit after the other."""

        def _split_scope(self, nodeid: str) -> str:
            return _unit(nodeid)

    return ByUnit(config, log)

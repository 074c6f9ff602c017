"""Pytest fixtures for tests of orchestrations: ``pytest_plugins = ["devhost.pytest_plugin"]``.

durable_host   makes hosts and closes them
chaos          makes a `Chaos` with a new seed in each run; a failure prints it
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from devhost.testing import App, Host
from devhost.testing.simulation import SEED_VARIABLE, Chaos, seed_from_environment

__all__ = ["chaos", "durable_host", "pytest_runtest_makereport"]

_SEED = pytest.StashKey[int]()


@pytest.fixture
def durable_host() -> Iterator[Callable[..., Host]]:
    """Make hosts with the arguments of `devhost.testing.Host`; all are closed after the test."""
    made: list[Host] = []

    def make(app: App, **options: Any) -> Host:
        made.append(Host(app, **options))
        return made[-1]

    yield make
    for host in made:
        host.close()


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> Callable[..., Chaos]:
    """Make a Chaos of the given probabilities, with the seed of DEVHOST_SEED or a new one."""
    wanted = seed_from_environment()
    seed = request.node.stash[_SEED] = secrets.randbelow(2**32) if wanted is None else wanted
    return lambda **probabilities: Chaos(seed, **probabilities)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the seed of a test that failed."""
    report = yield
    if report.failed and _SEED in item.stash:
        seed = item.stash[_SEED]
        again = f"seed {seed}; run again with {SEED_VARIABLE}={seed} python -m pytest '{item.nodeid}'"
        report.sections.append(("chaos", again))
    return report

"""A pytest fixture for tests of orchestrations: ``pytest_plugins = ["devhost.pytest_plugin"]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devhost.testing import App, Host

__all__ = ["durable_host"]


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

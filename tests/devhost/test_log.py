"""What the host's log shows: which levels of host.json count, and who is quiet."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from devhost.log import configure
from devhost.triggers.storage_io import sdk_log


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """The loggers of the other tests are as they were."""
    names = ("", "azure", "asyncio", "my.own")
    loggers = [logging.getLogger(name) for name in names]
    kept = [(one, one.level, one.handlers[:]) for one in loggers]
    for one in loggers[1:]:
        one.setLevel(logging.NOTSET)
    yield
    for one, level, handlers in kept:
        one.setLevel(level)
        one.handlers[:] = handlers


def _logged(levels: dict[str, str]) -> list[str]:
    """The names of the loggers that are seen at Information."""
    stream = io.StringIO()
    configure("json", levels, stream)
    for name in ("app", "azure.core.pipeline", "my.own", "asyncio", sdk_log.name):
        logging.getLogger(name).info("hello")
    return [json.loads(line)["logger"] for line in stream.getvalue().splitlines()]


def test_loggers_of_the_app_are_not_quieted_by_the_host() -> None:
    """Nor is the SDK that the app uses: it writes 26 lines for each request, as on the real host."""
    assert _logged({}) == ["app", "azure.core.pipeline", "my.own"]


def test_categories_of_host_json_are_no_loggers_of_python() -> None:
    """Only `default` counts, whatever case it is written in."""
    assert _logged({"Azure": "Warning", "My.Own": "Error"}) == ["app", "azure.core.pipeline", "my.own"]
    assert _logged({"Default": "Warning", "My.Own": "Information"}) == []
    assert _logged({"default": "no level"}) == ["app", "azure.core.pipeline", "my.own"]

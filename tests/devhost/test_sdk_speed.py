"""What is made faster in the SDK gives the same values."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from dateutil import parser
from hypothesis import given
from hypothesis import strategies as st

from devhost import timestamps
from devhost.orchestration import sdk_speed

EVENTS: Any = importlib.import_module("azure.durable_functions.models.history.HistoryEvent")
EXECUTOR: Any = importlib.import_module("azure.durable_functions.models.TaskOrchestrationExecutor")
TICKS = st.integers(
    timestamps.from_datetime(datetime(1000, 1, 1, tzinfo=UTC)),
    timestamps.from_datetime(datetime(9999, 12, 31, tzinfo=UTC)),
)


@pytest.fixture(autouse=True)
def _installed() -> None:
    assert sdk_speed.install()


@given(TICKS)
def test_each_timestamp_of_the_host_is_read_as_dateutil_reads_it(ticks: int) -> None:
    """The same point, in an equal zone of the same class."""
    text = timestamps.text(ticks)
    assert sdk_speed.same_value(EVENTS.dt_parse(text), parser.parse(text))


@pytest.mark.parametrize(
    "text", ["2024-01-02", "2024-01-02T03:04:05+02:00", "Jan 2 2024 5pm", "20240102T0304Z"]
)
def test_any_other_text_is_left_to_dateutil(text: str) -> None:
    """Histories may come from elsewhere."""
    assert EVENTS.dt_parse(text) == parser.parse(text)


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that is not in UTC, for which dateutil gives another zone."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    monkeypatch.setattr(EVENTS, "dt_parse", parser.parse)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process can be set on POSIX only")
def test_the_zone_is_the_one_that_dateutil_gives_on_this_machine(in_berlin: None) -> None:
    """tzutc() here, tzlocal() where the machine is in UTC."""
    assert sdk_speed.install()
    text = "2024-07-01T12:00:00.5Z"
    assert EVENTS.dt_parse is not parser.parse
    assert sdk_speed.same_value(EVENTS.dt_parse(text), parser.parse(text))


def test_an_sdk_that_reads_otherwise_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have become fast itself."""

    def its_own(text: str) -> datetime:
        return parser.parse(text)

    monkeypatch.setattr(EVENTS, "dt_parse", its_own)
    assert not sdk_speed.install()
    assert EVENTS.dt_parse is its_own


def test_executors_share_one_class_of_named_tuples() -> None:
    """With the names that the SDK gives it."""
    one, other = (EXECUTOR.TaskOrchestrationExecutor() for _ in range(2))
    first, second = (next(iter(made.event_to_SetTaskValuePayload.values())) for made in (one, other))
    assert type(first) is type(second)
    assert first._fields == ("is_success", "task_id_key")

"""The sweep of signals: lost events are made good, runs that are over are forgotten, old signals removed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters.services import Services
from invoicing.signals.sweeping import EVERY, is_due
from stores import signals as store
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.page_requests import Client, local_run, status
from tests.unit.test_signals import KIND, NOW, _end, _job, _place, _put
from usecases import sweep_signals
from usecases import wait_for_signals as waits
from usecases.sweep_signals import sweep

RUNS = status("w1")
KEPT = timedelta(days=30)


@pytest.fixture
def used() -> Iterator[Services]:
    """A local run with nothing in it."""
    with local_run() as made:
        yield made


async def _swept(used: Services, client: Client, after: timedelta) -> Any:
    return await sweep(replace(used, clock=lambda: NOW + after), client)  # pyright: ignore[reportArgumentType]


def _blobs(used: Services) -> MemoryBlobs:
    assert isinstance(used.blobs, MemoryBlobs)
    return used.blobs


async def test_workflow_whose_event_was_lost_is_woken_less_and_less_often(used: Services) -> None:
    """It may have other things to do for weeks."""
    waits.open_wait(used.blobs, _place())
    _put(_blobs(used), "1")
    woken = []
    for sweeps in range(1, 65):
        client = Client(RUNS)
        swept = await _swept(used, client, sweeps * EVERY)
        assert swept.woken == len(client.raised)
        woken += [sweeps] if client.raised else []
    assert woken == [1, 2, 4, 8, 16, 32, 64]


async def test_workflow_that_has_read_all_is_left_alone(used: Services) -> None:
    """And so is one whose signal came just now."""
    client = Client(RUNS)
    _put(_blobs(used), "1")
    waits.open_wait(used.blobs, _place())
    waits.read(used.blobs, _job(["1"]))
    assert (await _swept(used, client, EVERY)).woken == 0
    _put(_blobs(used), "2", at=NOW + EVERY)
    assert (await _swept(used, client, EVERY + timedelta(seconds=1))).woken == 0
    assert client.raised == []


@pytest.mark.parametrize("known", [None, Runtime.Completed, Runtime.Terminated])
async def test_wait_of_a_run_that_is_over_is_forgotten(used: Services, known: Any) -> None:
    """It did not come to end it; what it was given is nobody's again."""
    _put(_blobs(used), "1")
    waits.open_wait(used.blobs, _place())
    _put(_blobs(used), "2")
    client = Client(status("w1", runtime_status=known)) if known else Client()
    swept = await _swept(used, client, EVERY)
    assert (swept.woken, swept.forgotten) == (0, 1)
    assert len(waits.open_wait(used.blobs, _place("w2")).signals) == 2


async def test_wait_without_signals_is_asked_for_too(used: Services) -> None:
    """After a day, two, four …; a failed run may be started again, and keeps it."""
    waits.open_wait(used.blobs, _place())
    assert (await _swept(used, Client(), timedelta(hours=23))).forgotten == 0
    failed = Client(status("w1", runtime_status=Runtime.Failed))
    assert (await _swept(used, failed, timedelta(hours=25))).forgotten == 0
    assert (await _swept(used, Client(), timedelta(hours=25))).forgotten == 1
    assert _blobs(used).names() == []


async def test_signals_that_nobody_knows_are_kept_for_a_time(used: Services) -> None:
    """And then removed, in windows."""
    for n in range(5):
        _put(_blobs(used), str(n), key=f"PO-{n % 2}")
    assert (await _swept(used, Client(), KEPT)).removed == 0
    assert (await _swept(used, Client(), KEPT + EVERY)).removed == 5
    assert _blobs(used).names() == []


async def test_a_sweep_removes_so_many_and_the_next_one_goes_on(
    used: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep has to end in time."""
    monkeypatch.setattr(sweep_signals, "MOST_REMOVED", 3)
    for n in range(7):
        _put(_blobs(used), str(n))
    removed = [(await _swept(used, Client(), KEPT + EVERY)).removed for _ in range(4)]
    assert removed == [3, 3, 1, 0]


async def test_what_was_given_goes_with_its_wait_and_counts_once_until_then(used: Services) -> None:
    """The same signal may come again after the wait has ended: it is known."""
    _put(_blobs(used), "1")
    waits.open_wait(used.blobs, _place())
    waits.close_wait(used.blobs, _end(["1"]))
    assert (await _swept(used, Client(), KEPT)).removed == 0
    assert waits.open_wait(used.blobs, _place("w2", event="w2")).signals == ()
    waits.close_wait(used.blobs, _end((), "w2", "w2"))
    assert (await _swept(used, Client(), KEPT + EVERY)).removed == 2
    assert _blobs(used).names() == []


async def test_signals_stay_while_somebody_waits(used: Services) -> None:
    """However old they are."""
    _put(_blobs(used), "1")
    waits.open_wait(used.blobs, _place())
    assert (await _swept(used, Client(RUNS), 10 * KEPT)).removed == 0


async def test_task_hub_that_is_away_removes_nothing(used: Services) -> None:
    """Nobody knows then whether a run is over."""

    class Away(Client):
        async def get_status(self, instance_id: str, *_: Any, **__: Any) -> Any:
            raise OSError("no answer")

    waits.open_wait(used.blobs, _place())
    _put(_blobs(used), "1")
    swept = await _swept(used, Away(), EVERY)
    assert (swept.woken, swept.forgotten) == (1, 0)


async def test_waiting_is_seen_in_one_listing(used: Services) -> None:
    """The metadata say what is in the blobs."""
    for n in range(20):
        _put(_blobs(used), str(n), key=f"PO-{n}")
        waits.open_wait(used.blobs, _place(f"w{n}", f"PO-{n}"))
    _blobs(used).calls.clear()
    assert len(list(store.folders(used.blobs))) == 20
    assert [verb for verb, _ in _blobs(used).calls] == ["list"]
    assert len(store.waiting(used.blobs, KIND, "PO-7")) == 1


def test_spans_are_doubled() -> None:
    """Whatever the clock does in between."""
    due = [n for n in range(100) if is_due(timedelta(minutes=5 * n + 2), EVERY)]
    assert due == [1, 2, 4, 8, 16, 32, 64]
    assert not is_due(datetime.max - datetime.min, EVERY)

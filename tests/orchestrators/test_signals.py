"""Waiting for signals on the in-process host: early, late, lost, doubled, in any order, and deaths."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from activities import signals as steps
from adapters.services import Services
from devhost.testing import Chaos, Host, HostCrash
from devhost.testing.simulation import explore
from invoicing.signals.taking_in import NewSignal, signal_of
from orchestrators.signals import READINGS_FOR_NOTHING, REST, SignalWait
from stores import signals as store
from stores.blobs import StorageUnavailable
from tests.fakes.memory_blobs import MemoryBlobs
from tests.orchestrators.approval_kit import HostClient
from tests.unit.page_requests import local_run
from usecases import signal as sending

KIND, KEY = "goods-received", "PO-1"
bp = df.Blueprint()
PATIENCE = timedelta(days=7)


@bp.orchestration_trigger(context_name="context")
def counter(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Wait for so many signals, a week at most; returns their ids in the order in which they were given."""
    wanted: Any = context.get_input()
    until = context.current_utc_datetime + PATIENCE
    wait = SignalWait(context, KIND, KEY)
    yield from wait.open()
    ids: list[str] = []
    while len(ids) < wanted:
        new = yield from wait.next(until)
        if not new:
            break
        ids += [signal.id for signal in new]
        context.set_custom_status({"ids": ids})
    yield from wait.close()
    return ids


class _Client(HostClient):
    """Keeps the death of the host, which who wakes takes for any other failure."""

    crash: HostCrash | None = None

    async def raise_event(self, instance_id: str, name: str, data: Any) -> None:
        try:
            await super().raise_event(instance_id, name, data)
        except HostCrash as crash:
            self.crash = crash


class Dock:
    """Workflows that wait, on a host with the real steps, and somebody who signals."""

    def __init__(self, used: Services, **host: Any) -> None:
        assert isinstance(used.blobs, MemoryBlobs)
        self.used, self.blobs = used, used.blobs
        self.host = Host([bp, steps.bp], **host)

    def wait(self, wanted: int, instance: str = "w1") -> str:
        """Start one that waits."""
        return self.host.start("counter", wanted, instance_id=instance)

    def send(self, signal_id: str) -> None:
        """A signal comes, and wakes."""
        client = _Client(self.host)
        asyncio.run(sending.signal(self.used, client, _new(signal_id)))  # pyright: ignore[reportArgumentType]
        if client.crash:
            raise client.crash

    def write(self, signal_id: str) -> None:
        """A signal comes, and its process dies before anybody is woken."""
        sending.keep(self.blobs, signal_of(_new(signal_id), self.used.clock()))

    @property
    def readings(self) -> int:
        """How often it was looked what is new."""
        return len(self.host.calls_of("read_signals"))


def _new(signal_id: str) -> NewSignal:
    return NewSignal(KIND, KEY, {"line": "1", "quantity": 1}, signal_id)


@pytest.fixture
def used() -> Any:
    """A local run with nothing in it."""
    with local_run() as made:
        yield made


def test_signals_that_come_early_late_and_twice_count_once(used: Services) -> None:
    """And the wait ends with what it was given noted."""
    dock = Dock(used)
    dock.send("early")
    dock.wait(3)
    for signal_id in ("late", "early", "late", "last"):
        dock.send(signal_id)
    assert dock.host.status("w1").output == ["early", "late", "last"]
    assert store.waiting(dock.blobs, KIND, KEY) == []
    dock.host.check_invariants()


def test_moment_that_has_come_ends_the_wait_after_a_last_look(used: Services) -> None:
    """What was written without waking is found then."""
    dock = Dock(used)
    dock.wait(2)
    dock.write("lost")
    dock.host.advance(days=6.9)
    assert dock.host.status("w1").custom_status is None
    dock.host.advance(days=0.2)
    assert dock.host.status("w1").custom_status == {"ids": ["lost"]}
    assert dock.host.finish("w1").output == ["lost"]


def test_next_signal_brings_the_one_whose_event_was_lost(used: Services) -> None:
    """The oldest first."""
    dock = Dock(used)
    dock.wait(2)
    dock.write("lost")
    dock.send("woken")
    assert dock.host.status("w1").output == ["lost", "woken"]


def test_several_that_wait_are_each_given_all(used: Services) -> None:
    """And each ends for itself."""
    dock = Dock(used)
    dock.wait(1, "w1")
    dock.wait(2, "w2")
    dock.send("1")
    dock.send("2")
    assert [dock.host.status(one).output for one in ("w1", "w2")] == [["1"], ["1", "2"]]


def test_storage_that_is_away_is_waited_for(used: Services) -> None:
    """While it reads, and while it ends."""
    dock = Dock(used)
    dock.wait(1)

    def away(verb: str, name: str) -> None:
        if verb == "write":
            raise StorageUnavailable(f"{verb} {name}: no answer")

    dock.blobs.fails = away
    dock.send("1")
    dock.host.advance(minutes=10)
    assert not dock.host.status("w1").finished
    dock.blobs.come_back()
    assert dock.host.finish("w1").output == ["1"]


def test_many_at_once_are_read_together(used: Services) -> None:
    """Not one reading for each event."""
    dock = Dock(used)
    dock.wait(200)
    with dock.host.held():
        for n in range(200):
            dock.send(str(n))
    ended = dock.host.finish("w1")
    assert sorted(ended.output, key=int) == [str(n) for n in range(200)]
    assert dock.readings <= 200 / 50 + 3


def test_events_for_nothing_are_answered_with_rests(used: Services) -> None:
    """Somebody who sends the same signal again and again makes no endless history."""
    dock = Dock(used)
    dock.wait(3)
    for _ in range(30):
        dock.send("same")
    before = dock.readings
    assert before <= READINGS_FOR_NOTHING + 2
    dock.host.advance(REST)
    dock.host.advance(REST)
    assert dock.readings <= before + 2
    dock.send("2")
    dock.send("3")
    dock.host.advance(REST)
    dock.host.advance(REST)
    assert dock.host.status("w1").output == ["same", "2", "3"]


def test_run_that_is_started_again_is_given_everything_again(used: Services) -> None:
    """As a supervisor does with one that the host failed: the same id, the same input, a new history."""
    dock = Dock(used)
    dock.wait(2)
    dock.send("1")
    dock.host.terminate("w1")
    dock.host.run_until_idle()
    dock.host.purge("w1")
    dock.wait(2)
    dock.send("2")
    assert dock.host.status("w1").output == ["1", "2"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_host_that_dies_at_any_commit_loses_nothing_and_counts_once(
    tmp_path: Path, when: str, used: Services
) -> None:
    """Each signal is sent once; where the process of who sends dies, it is written and nobody is woken."""
    crash, crashed = 0, True
    while crashed:
        crash += 1
        used.blobs.stored.clear()  # pyright: ignore[reportAttributeAccessIssue]
        dock = Dock(used, state=tmp_path / f"{when}-{crash}.db")
        with dock.host:
            dock.host.crash_at(crash, when)
            crashed = _live(dock, _life(dock))
            assert dock.host.finish("w1").output == ["1", "2", "3"], f"crash {when} commit {crash}"
            dock.host.check_invariants()
    assert crash > 10, "so few commits cannot be all"


def _life(dock: Dock) -> list[Callable[[], object]]:
    return [
        lambda: dock.send("1"),
        lambda: dock.host.instances("w1") or dock.wait(3),
        lambda: dock.write("2"),
        lambda: dock.send("2"),
        lambda: dock.host.advance(days=1),
        lambda: dock.send("3"),
        lambda: dock.host.advance(PATIENCE),
    ]


def _live(dock: Dock, steps_of_a_life: list[Callable[[], object]]) -> bool:
    """Take all steps; the one in which the host dies is taken again. Returns whether it died."""
    crashed = False
    for step in steps_of_a_life:
        try:
            step()
        except HostCrash:
            crashed = True
            dock.host.restart()
            step()
    return crashed


def test_whatever_the_order_and_however_often_an_event_comes(used: Services) -> None:
    """By chance: other orders, lost and repeated messages, early timers, deaths."""

    def check(chaos: Chaos) -> None:
        used.blobs.stored.clear()  # pyright: ignore[reportAttributeAccessIssue]
        dock = Dock(used, chaos=chaos)
        with dock.host:
            dock.wait(4)
            for n in range(4):
                (dock.write if n == 2 else dock.send)(str(n))
            assert sorted(dock.host.finish("w1").output) == ["0", "1", "2", "3"]

    explore(check, Chaos(), range(25))

"""Callers have the process in the order of asking."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from adapters.checking.turns import NoTurn, Turns


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_turns_come_in_the_order_of_asking() -> None:
    """Whoever asks again stands at the end of the queue."""
    turns, order = Turns(), list[str]()

    def ask(name: str) -> None:
        with turns.take():
            order.append(name)

    threads = [threading.Thread(target=ask, args=(name,)) for name in "abcde"]
    with turns.take():
        assert not turns.wanted
        for waiting, thread in enumerate(threads, start=2):
            thread.start()
            _until(lambda waiting=waiting: len(turns._queue) == waiting)
        assert turns.wanted
    ask("again")
    for thread in threads:
        thread.join(10)
    assert order == [*"abcde", "again"]


def test_who_waits_no_longer_is_passed_over() -> None:
    """It leaves the queue; nobody waits for it."""
    turns = Turns()
    with turns.take():
        with pytest.raises(NoTurn), turns.take(0.01):
            raise AssertionError("it was not its turn")
        assert not turns.wanted
    with turns.take(0.0):
        pass


def test_turn_ends_with_an_exception_too() -> None:
    """The next one has it."""
    turns = Turns()
    with pytest.raises(RuntimeError), turns.take():
        raise RuntimeError
    with turns.take(0.0):
        pass

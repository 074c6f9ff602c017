"""When an activity is tried again, and after which pause."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from invoicing.failures import Cause, Failure
from orchestrators.retry import (
    FAULT,
    LOST,
    OUTAGE,
    ActivityGaveUp,
    Backoff,
    Patience,
    call_child_with_retry,
    call_with_retry,
)

FAILED = "Activity function 'check' failed:  ValueError: boom \n {details}"
GONE = "Function 'wait (Orchestrator)' failed. python exited with code 137"
AWAY = "Activity function 'check' failed:  StorageUnavailable: read x: no answer \n {details}"


class Context:
    """The three things of a durable context that a retry uses; calls and timers come back as plain tuples."""

    current_utc_datetime = datetime(2026, 1, 1, tzinfo=UTC)
    version = "1.3"

    def call_activity(self, name: str, value: Any) -> tuple:
        return ("activity", name, value)

    def create_timer(self, at: datetime) -> tuple:
        pause = at - self.current_utc_datetime
        self.current_utc_datetime = at
        return ("timer", pause)


def _drive(outcomes: list[Any]) -> tuple[Any, list[timedelta]]:
    """Answer each call with the next outcome (exceptions are thrown); returns the result and the pauses."""
    generator: Generator = call_with_retry(Context(), "check", 1)  # type: ignore[arg-type]
    answers, pauses = iter(outcomes), []
    task = next(generator)
    while True:
        try:
            if task[0] == "timer":
                pauses.append(task[1])
                task = generator.send(None)
                continue
            answer = next(answers)
            task = generator.throw(answer) if isinstance(answer, Exception) else generator.send(answer)
        except StopIteration as end:
            return end.value, pauses


def test_result_comes_back_without_a_pause() -> None:
    """One call, no timer."""
    assert _drive(["done"]) == ("done", [])


def test_fault_is_tried_three_times_within_seconds() -> None:
    """A worker that died comes back; the pauses grow."""
    result, pauses = _drive([Exception(FAILED), Exception(FAILED), "done"])
    assert (result, pauses) == ("done", [timedelta(seconds=1), timedelta(seconds=3)])


def test_fault_that_stays_gives_up_with_its_first_line() -> None:
    """The serialised exception of the host is not for people."""
    with pytest.raises(ActivityGaveUp, match=r"^Activity function 'check' failed:  ValueError: boom$"):
        _drive([Exception(FAILED)] * 3)


def test_outage_is_waited_for_long_after_a_fault_would_give_up() -> None:
    """Pauses double from a second to five minutes and stay there."""
    result, pauses = _drive([Exception(AWAY)] * 12 + ["done"])
    assert result == "done"
    assert pauses[:4] == [timedelta(seconds=s) for s in (1, 2, 4, 8)]
    assert pauses[-1] == timedelta(minutes=5)


def test_outages_do_not_use_up_the_attempts_of_a_fault() -> None:
    """Faults and outages are counted apart."""
    outcomes = [Exception(AWAY), Exception(FAILED), Exception(AWAY), Exception(FAILED), "done"]
    assert _drive(outcomes)[0] == "done"


def test_outage_is_waited_for_about_a_day() -> None:
    """Then a person has to look."""
    pauses = [OUTAGE.pause(n) for n in range(1, OUTAGE.attempts)]
    total = sum((pause for pause in pauses if pause), timedelta())
    assert timedelta(hours=20) < total < timedelta(hours=30)
    assert OUTAGE.pause(OUTAGE.attempts) is None


@pytest.mark.parametrize("failures", [1, 2, 50, 10_000])
def test_pause_never_passes_its_limit(failures: int) -> None:
    """However often it failed: no overflow, nothing longer than the longest."""
    backoff = Backoff(timedelta(seconds=1), 10, timedelta(seconds=7), attempts=20_000)
    assert backoff.pause(failures) in (timedelta(seconds=1), timedelta(seconds=7))


@pytest.mark.parametrize(
    ("cause", "ran", "attempts"),
    [
        ("lost", timedelta(minutes=59), LOST.attempts),
        ("lost", timedelta(hours=1), 1000),
        ("outage", timedelta(minutes=59), OUTAGE.attempts),
        ("outage", timedelta(days=30), 1000),
        ("fault", timedelta(days=30), FAULT.attempts),
    ],
)
def test_what_was_well_for_an_hour_is_called_again_for_ever(
    cause: Cause, ran: timedelta, attempts: int
) -> None:
    """Eight lost workers in a year ended an approval; what the input is at fault for is still given up."""
    patience = Patience()
    pauses = 0
    with suppress(ActivityGaveUp):
        for _ in range(999):
            patience.pause(Failure("gone", cause), ran)
            pauses += 1
    assert pauses + 1 == attempts


@pytest.mark.parametrize(("version", "losses"), [("1.3", 12), ("1.2", LOST.attempts)])
def test_a_child_that_loses_a_worker_each_month_is_called_again(version: str, losses: int) -> None:
    """By the clock of the orchestration, so each replay comes to the same; older ones give up as before."""
    context: Any = Context()
    context.version = version
    context.call_sub_orchestrator = lambda *child: ("child", *child)
    generator: Generator = call_child_with_retry(context, "wait", 1, "one")
    task = next(generator)
    lost = 0
    with suppress(ActivityGaveUp):
        while lost < 12:
            while task[0] != "child":
                task = generator.send(None)
            context.current_utc_datetime += timedelta(days=30)
            lost += 1
            task = generator.throw(Exception(GONE))
    assert lost == losses

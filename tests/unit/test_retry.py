"""When an activity is tried again, and after which pause."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrators.retry import (
    OUTAGE,
    ActivityGaveUp,
    Backoff,
    call_with_retry,
)

FAILED = "Activity function 'check' failed:  ValueError: boom \n {details}"
AWAY = "Activity function 'check' failed:  StorageUnavailable: read x: no answer \n {details}"


class Context:
    """The three things of a durable context that a retry uses; calls and timers come back as plain tuples."""

    current_utc_datetime = datetime(2026, 1, 1, tzinfo=UTC)

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

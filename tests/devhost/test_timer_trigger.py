"""Timer triggers: runs on schedule, at the start and after a stop."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from devhost.app.index import Binding, FunctionInfo
from devhost.triggers.retry_policy import delays
from devhost.triggers.timers import ScheduleMonitor, TimerTrigger

NOON = datetime(2024, 2, 29, 12, 0, 0)


class Runs:
    """A timer function whose runs are kept; ``failures`` of them fail first."""

    def __init__(self, monitor=None, failures=0, retry=None, **properties):
        self.now = NOON
        self.seen: list = []
        self.failures = failures
        trigger = Binding("t", "timerTrigger", "IN", {"schedule": "0 */10 * * * *", **properties})
        function = FunctionInfo("tick", print, trigger, (trigger,), False, False, Path(), retry)
        self.timer = TimerTrigger(function, self.invoke, monitor or ScheduleMonitor(None), lambda: self.now)

    async def invoke(self, function, value):
        self.seen.append(value)
        if len(self.seen) <= self.failures:
            raise ValueError("not yet")


async def test_first_start_notes_the_timer_and_waits():
    """Nothing was missed, since the timer is new."""
    monitor = ScheduleMonitor(None)
    runs = Runs(monitor)
    await runs.timer.start()
    assert runs.seen == []
    assert monitor.get("tick") == {
        "Last": "0001-01-01T00:00:00",
        "Next": "2024-02-29T12:10:00",
        "LastUpdated": "2024-02-29T12:00:00",
    }


async def test_run_at_startup_on_request():
    """It is not past due."""
    runs = Runs(runOnStartup=True)
    await runs.timer.start()
    assert [value.past_due for value in runs.seen] == [False]


async def test_run_that_was_missed_is_made_up_for_once(tmp_path):
    """Though many ticks have passed; the state is that of the last run."""
    file = tmp_path / "timers.json"
    first = Runs(ScheduleMonitor(file))
    await first.timer.fire(past_due=False)
    later = Runs(ScheduleMonitor(file))
    later.now = NOON + timedelta(hours=5)
    await later.timer.start()
    assert [value.past_due for value in later.seen] == [True]
    assert later.seen[0].schedule_status["Next"] == "2024-02-29T12:10:00"
    assert json.loads(file.read_text())["tick"]["Last"] == "2024-02-29T17:00:00"


async def test_stop_between_two_ticks_misses_nothing(tmp_path):
    """The next run is at its own time."""
    file = tmp_path / "timers.json"
    await Runs(ScheduleMonitor(file)).timer.fire(past_due=False)
    later = Runs(ScheduleMonitor(file))
    later.now = NOON + timedelta(minutes=9)
    await later.timer.start()
    assert later.seen == []


@pytest.mark.parametrize("properties", [{"useMonitor": False}, {"schedule": "*/30 * * * * *"}])
async def test_timers_without_a_monitor_make_up_for_nothing(properties):
    """On request, and where the interval is shorter than a minute."""
    monitor = ScheduleMonitor(None)
    monitor.put("tick", NOON - timedelta(days=1), NOON, NOON)
    runs = Runs(monitor, **properties)
    await runs.timer.start()
    assert runs.seen == []


async def test_unreadable_state_is_as_none(tmp_path):
    """A half-written file must not keep the host from starting."""
    (tmp_path / "timers.json").write_text("{oops")
    assert ScheduleMonitor(tmp_path / "timers.json").get("tick") is None


async def test_failed_run_is_tried_again_by_its_policy_only():
    """And the timer goes on after it."""
    policy = {"strategy": "fixed_delay", "max_retry_count": "2", "delay_interval": "00:00:00.001"}
    runs = Runs(failures=9, retry=policy)
    await runs.timer.fire(past_due=False)
    assert len(runs.seen) == 3
    plain = Runs(failures=9)
    await plain.timer.fire(past_due=False)
    assert len(plain.seen) == 1


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, []),
        ({"strategy": "fixed_delay", "max_retry_count": "2", "delay_interval": "00:00:10"}, [10, 10]),
        (
            {
                "strategy": "exponential_backoff",
                "max_retry_count": "4",
                "minimum_interval": "00:00:01",
                "maximum_interval": "00:00:05",
            },
            [1, 2, 4, 5],
        ),
    ],
)
def test_retry_policy_gives_its_pauses(policy, expected):
    """In seconds."""
    assert list(delays(policy)) == expected


def test_retry_policy_for_ever():
    """-1 has no end."""
    pauses = delays({"strategy": "fixed_delay", "max_retry_count": "-1", "delay_interval": "00:00:01"})
    assert [next(pauses) for _ in range(50)] == [1] * 50

"""Schedules: when a timer fires next."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devhost.errors import SettingsError
from devhost.triggers.ncrontab import Cron, parse_schedule


def following(text, moment, count=1):
    """Return the next times as texts."""
    schedule, found = parse_schedule(text), datetime.fromisoformat(moment)
    times = []
    for _ in range(count):
        found = schedule.next_after(found)
        times.append(found.isoformat(" "))
    return times


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("0 */5 * * * *", "2024-02-29 10:02:30", "2024-02-29 10:05:00"),
        ("0 */5 * * * *", "2024-02-29 10:05:00", "2024-02-29 10:10:00"),
        ("*/10 * * * * *", "2024-02-29 10:00:55", "2024-02-29 10:01:00"),
        ("0 30 9 * * Mon-Fri", "2024-03-01 09:30:00", "2024-03-04 09:30:00"),
        ("0 0 0 1 1 *", "2024-01-01 00:00:00", "2025-01-01 00:00:00"),
        ("0 0 12 29 2 *", "2024-03-01 00:00:00", "2028-02-29 12:00:00"),
        ("0 0 0 * * 0", "2024-03-01 00:00:00", "2024-03-03 00:00:00"),
        ("0 0 0 * * saturday", "2024-03-01 00:00:00", "2024-03-02 00:00:00"),
        ("0 0 8,20 * Feb,Dec *", "2024-02-29 20:00:00", "2024-12-01 08:00:00"),
        ("30 15/20 * * * *", "2024-02-29 10:15:30", "2024-02-29 10:35:30"),
        ("5 4 * * *", "2024-02-29 04:05:00", "2024-03-01 04:05:00"),
        ("0 0 0 13 * 5", "2024-02-29 00:00:00", "2024-09-13 00:00:00"),
        ("0 5-7,1 0 * * *", "2024-02-29 00:05:00", "2024-02-29 00:06:00"),
    ],
)
def test_next_time_is_later_and_fits(text, moment, expected):
    """Names, ranges, lists and steps; day and weekday must both fit; five fields mean second 0."""
    assert following(text, moment) == [expected]


def test_interval_counts_from_the_last_run():
    """A time span instead of an expression."""
    assert following("01:30:00", "2024-02-29 10:00:00", 2) == ["2024-02-29 11:30:00", "2024-02-29 13:00:00"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("* * *", "has 3 fields"),
        ("60 * * * * *", "'60' is no second; 0 to 59 are"),
        ("0 0 0 * Foo *", "'Foo' is no month"),
        ("0 0 0 * * 7", "'7' is no weekday"),
        ("0 */0 * * * *", "'*/0' is no valid minute"),
        ("0 0 0 30 2 *", "never fires"),
        ("00:00:00", "longer than nothing"),
        ("a:b", "is not a time span"),
    ],
)
def test_wrong_schedule_is_refused_with_its_reason(text, reason):
    """The field and what it may hold."""
    with pytest.raises(SettingsError) as caught:
        parse_schedule(text)
    assert reason in str(caught.value)


def some_of(low, high):
    """Return a strategy for a field: everything, or a few values."""
    values = st.lists(st.integers(low, high), min_size=1, max_size=4, unique=True)
    return st.one_of(st.just("*"), values.map(lambda found: ",".join(map(str, found))))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(some_of(0, 59), some_of(0, 59), some_of(0, 23)),
    st.datetimes(datetime(2024, 1, 1), datetime(2024, 12, 31)),
)
def test_nothing_that_fits_is_passed_over(fields, moment):
    """The next time fits, and no second before it does."""
    schedule = parse_schedule(" ".join([*fields, "* * *"]))
    assert isinstance(schedule, Cron)
    found = schedule.next_after(moment)
    second = moment.replace(microsecond=0) + timedelta(seconds=1)
    assert found >= second

    def fits(at):
        return at.second in schedule.seconds and at.minute in schedule.minutes and at.hour in schedule.hours

    assert fits(found)
    step = timedelta(seconds=1) if found - second < timedelta(hours=1) else timedelta(seconds=61)
    while second < found:
        assert not fits(second)
        second += step

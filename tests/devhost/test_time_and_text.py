"""Points in time, clocks, and JSON text."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devhost import jsontext, timestamps
from devhost.clock import Stamps, SystemClock, VirtualClock


def test_a_time_is_written_with_up_to_seven_digits_and_no_trailing_zeros() -> None:
    """As .NET writes it."""
    base = timestamps.from_datetime(datetime(2024, 10, 25, 3, 2, 17, tzinfo=UTC))
    assert timestamps.text(base) == "2024-10-25T03:02:17Z"
    assert timestamps.text(base + 1234567) == "2024-10-25T03:02:17.1234567Z"
    assert timestamps.text(base + 1000000) == "2024-10-25T03:02:17.1Z"


@given(
    st.integers(min_value=-62_135_596_800 * timestamps.SECOND, max_value=253_402_300_799 * timestamps.SECOND)
)
def test_a_written_time_reads_as_the_same_time(ticks: int) -> None:
    """From the year 1 to the year 9999."""
    assert timestamps.parse(timestamps.text(ticks)) == ticks


def test_the_sdks_time_of_a_timer_is_read() -> None:
    """It has six digits, and on some platforms a year without leading zeros."""
    moment = datetime(2024, 1, 1, 0, 0, 30, tzinfo=UTC)
    assert timestamps.to_datetime(timestamps.parse("2024-01-01T00:00:30.000000Z")) == moment
    assert timestamps.parse("1-01-01T00:00:00.000000Z") == timestamps.parse("0001-01-01T00:00:00Z")


@pytest.mark.parametrize("text", ["", "soon", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00+02:00"])
def test_anything_else_is_refused(text: str) -> None:
    """With an error, not with a guess."""
    with pytest.raises(ValueError, match=r"not a UTC time|must be in"):
        timestamps.parse(text)


class _SetBack(VirtualClock):
    """A clock that someone sets back."""

    def ticks(self) -> int:
        self._ticks -= timestamps.SECOND
        return self._ticks


def test_stamps_never_go_backwards() -> None:
    """Neither when the clock is set back, nor behind what an earlier run wrote."""
    stamps = Stamps(_SetBack())
    assert stamps.next() == stamps.next()
    late = timestamps.from_datetime(datetime(2030, 1, 1, tzinfo=UTC))
    assert Stamps(VirtualClock(), late).next() == late


def test_the_virtual_clock_moves_only_when_told_and_wakes_those_who_wait() -> None:
    """A time to come is waited for without an end; a jump to the past is none."""
    clock, woken = VirtualClock(), []
    clock.on_jump(lambda: woken.append(clock.now()))
    due = clock.ticks() + 3 * timestamps.SECOND
    assert clock.wait(due) is None
    clock.advance(timedelta(seconds=3))
    assert clock.wait(due) == 0.0
    clock.jump(0)
    assert woken == [datetime(2024, 1, 1, 0, 0, 3, tzinfo=UTC)] * 2


def test_the_system_clock_tells_how_long_to_sleep() -> None:
    """In seconds, never negative."""
    clock = SystemClock()
    wait = clock.wait(clock.ticks() + 10 * timestamps.SECOND)
    assert wait is not None
    assert 9.0 < wait <= 10.0
    assert clock.wait(0) == 0.0


def test_json_text_is_compact_and_keeps_its_letters_and_numbers() -> None:
    """As the real host rewrites it."""
    assert jsontext.compact('{"a": [1, 1.0, "zażółć"],  "b": null}') == '{"a":[1,1.0,"zażółć"],"b":null}'
    assert jsontext.compact_or_raw("not json") == "not json"
    assert jsontext.compact_or_string("not json") == '"not json"'
    assert jsontext.value_or_string("123") == 123
    assert jsontext.value_or_string("enough") == "enough"


def test_lone_surrogates_can_be_stored() -> None:
    """They are escaped in JSON and replaced in plain text; SQLite would refuse them otherwise."""
    assert jsontext.dumps("\ud800") == '"\\ud800"'
    assert jsontext.clean("a\ud800b") == "a?b"

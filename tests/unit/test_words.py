"""How pages write moments, ages, amounts, and texts that strangers sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from web import words

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "0 milliseconds"),
        (timedelta(milliseconds=35), "35 milliseconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=12.44), "12.4 seconds"),
        (timedelta(seconds=60), "1 minute"),
        (timedelta(minutes=61), "1 hour 1 minute"),
        (timedelta(hours=24, seconds=5), "1 day"),
        (timedelta(days=3, hours=4, minutes=9), "3 days 4 hours"),
        (timedelta(days=400), "1 year 1 month"),
        (timedelta(seconds=-3), "0 milliseconds"),
    ],
)
def test_duration_has_at_most_two_units(span: timedelta, text: str) -> None:
    """A length of time is said as people say it; less than nothing is nothing."""
    assert words.duration(span) == text


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=-5), "just now"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=47), "1 day"),
        (timedelta(days=45), "1 month"),
        (timedelta(days=800), "2 years"),
    ],
)
def test_age_has_one_unit_and_is_never_rounded_up(before: timedelta, text: str) -> None:
    """What waits for 47 hours does not wait for two days yet."""
    assert words.age(NOW - before, NOW) == text


def test_a_moment_to_come_and_one_gone_by() -> None:
    """Deadlines say how far they are."""
    assert words.until(NOW + timedelta(days=3), NOW) == "in 3 days"
    assert words.until(NOW - timedelta(hours=2), NOW) == "2 hours ago"
    assert words.until(NOW + timedelta(seconds=20), NOW) == "now"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1234.5", "1,234.50"),
        ("-30.7", "−30.70"),
        ("0", "0.00"),
        ("0.2214", "0.2214"),
        ("1E+3", "1,000.00"),
        ("NaN", "NaN"),
        ("twelve", "twelve"),
        (None, ""),
    ],
)
def test_amounts_keep_their_digits(value: str | None, text: str) -> None:
    """Two decimals at least, more where there are more; what is no number stays what it is."""
    assert words.amount(value) == text


def test_moments_of_the_host_are_read() -> None:
    """Seven decimals, a Z, another zone, or no zone at all: all are the same moment in UTC."""
    texts = ("2026-05-04T12:00:00.1234567Z", "2026-05-04T14:00:00.123456+02:00", "2026-05-04T12:00:00.123456")
    assert len({words.as_moment(text) for text in texts}) == 1
    assert words.as_moment("yesterday") is None
    assert words.moment("yesterday") == "yesterday"
    assert words.precise(NOW) == "4 May 2026, 12:00:00 UTC"


@pytest.mark.parametrize(
    "sign", ["\u202e", "\u2066", "\u200f", "\u200b", "\x07", "\ufeff", "\U000e0041", "\ud800"]
)
def test_what_deceives_the_eye_is_shown_as_such(sign: str) -> None:
    """`invoice‮fdp.exe` must not look like `invoiceexe.pdf`."""
    assert words.harmless(f"a{sign}b") == "a\ufffdb"


def test_scripts_of_the_world_stay_whole() -> None:
    """Joiners, accents, right-to-left letters and line breaks are no tricks."""
    for text in ("क्‍ष", "می‌خواهم", "Zażółć", "שלום", "e\u0301", "one\ntwo\tthree", "👩‍💻"):
        assert words.harmless(text) == text


def test_marks_do_not_climb_over_their_neighbours() -> None:
    """Dozens of marks on one letter are cut to four."""
    assert words.harmless("a" + "\u0301" * 40) == "a" + "\u0301" * 4 + "\ufffd"


def test_lists_of_people_read_as_sentences() -> None:
    """One, two, many."""
    assert words.enumerated(["Ann"]) == "Ann"
    assert words.enumerated(["Ann", "Bob"], "or") == "Ann or Bob"
    assert words.enumerated(["Ann", "Bob", "Cleo"]) == "Ann, Bob and Cleo"


def test_axis_texts_are_short() -> None:
    """The lines of a chart stand close on a phone."""
    spans = (0.5, 2.5, 60, 5400, 86400 * 3)
    assert [words.brief(timedelta(seconds=one)) for one in spans] == [
        "500 ms",
        "2.5 s",
        "1 min",
        "1.5 h",
        "3 d",
    ]


def test_account_numbers_are_printed_as_banks_do() -> None:
    """In groups of four."""
    assert words.iban("DE75512108001245126199") == "DE75 5121 0800 1245 1261 99"


@pytest.mark.parametrize("text", ["1e999999999", "-1E+41", "1e-999999999", "NaN", "Infinity", "x"])
def test_number_that_is_no_amount_is_none(text: str) -> None:
    """Written out, some of them have a gigabyte of digits."""
    assert words.number(text) is None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0000-01-01"])
def test_moment_beyond_the_edges_of_time_is_none(text: str) -> None:
    """In UTC it would be in a year that there is not."""
    assert words.as_moment(text) is None

"""Exchange rates: the files that they come in, how an amount is converted, and which rates count when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicing.exchange import ecb
from invoicing.exchange.converting import SETTLES, compare
from stores import rates
from tests.fakes.memory_blobs import MemoryBlobs
from tests.unit.rate_files import USUAL, daily, table, zipped

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
CSV = b"Date, USD, JPY, CHF, \n04 May 2026, 1.0412, 161.25, N/A, \n"


# ---------------------------------------------------------------- the files


def test_file_of_one_day_is_read() -> None:
    """Its day, and how much of each currency one euro is worth, with the digits as written."""
    (found,) = ecb.read(daily(("2026-05-04", USUAL)))
    assert found.day == date(2026, 5, 4)
    assert found.rates == {code: Decimal(rate) for code, rate in USUAL.items()}


def test_file_of_many_days_is_read_the_newest_first() -> None:
    """As `eurofxref-hist-90d.xml` has them."""
    found = ecb.read(daily(("2026-04-30", USUAL), ("2026-05-04", USUAL)))
    assert [one.day for one in found] == [date(2026, 5, 4), date(2026, 4, 30)]


def test_csv_is_read_alone_and_zipped() -> None:
    """The day in words or as ISO 8601; a currency without a rate is left out."""
    (found,) = ecb.read(CSV)
    assert (found.day, found.rates) == (
        date(2026, 5, 4),
        {"USD": Decimal("1.0412"), "JPY": Decimal("161.25")},
    )
    assert ecb.read(zipped(CSV)) == (found,)
    many = b"Date,USD,\n2026-05-04,1.0412,\n2026-04-30,1.05,\n"
    assert [one.day.day for one in ecb.read(many)] == [4, 30]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not well-formed"),
        (b"<html><body>Service unavailable</body></html>", "has no rates"),
        (b'{"USD": 1.04}', "not well-formed"),
        (daily(("2026-05-04", USUAL))[:-40], "not well-formed"),
        (daily(("2026-05-04", USUAL), head='<!DOCTYPE a [<!ENTITY b "c">]>'), "DOCTYPE"),
        (daily(("2026-05-04", USUAL), tail="<a>" * 200 + "</a>" * 200), "levels deep"),
        (daily(("2026-05-04", USUAL), tail="<a/>" * 400_000), "more than 1024 KiB"),
        (daily(("today", USUAL)), "“today” is not a day"),
        (daily(("2026-05-04", {})), "has no rates"),
        (daily(("2026-05-04", {"USD": "-1"})), "not a rate of USD"),
        (daily(("2026-05-04", {"USD": "0.0"})), "not a rate of USD"),
        (daily(("2026-05-04", {"USD": "1e9"})), "not a rate of USD"),
        (daily(("2026-05-04", {"USD": "NaN"})), "not a rate of USD"),
        (daily(("2026-05-04", {"us": "1"})), "not the code of a currency"),
        (daily(("2026-05-04", {"EUR": "1"})), "not the code of a currency"),
        (daily(("2026-05-04", USUAL), ("2026-05-04", USUAL)), "twice"),
        (daily(*((f"{1900 + n}-01-01", USUAL) for n in range(101))), "more than 100 days"),
        (b"Date, USD, USD\n04 May 2026, 1.1, 1.2\n", "two rates"),
        (b"Date, USD\nyesterday, 1.1\n", "not a day"),
        (b"Date, USD\n", "has no rates"),
        (b"Date, USD\n\xff\xfe, 1\n", "cannot be read"),
        (zipped(CSV, CSV), "2 files"),
        (zipped(b"Date, USD\n" + b" " * 3_000_000), "more than 1024 KiB"),
        (zipped(CSV)[:40], "damaged"),
    ],
    # A zip holds the time at which it was made: as a name it would be another one in each process.
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_file_that_is_none_of_the_bank_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    """A page of errors, half a file, numbers that are no rates, and what would cost too much."""
    with pytest.raises(ecb.BadRates, match=reason):
        ecb.read(content)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Nothing else is raised, whatever comes."""
    for begin in (b"", b"Date,", b"PK\x03\x04", b"<a>"):
        try:
            ecb.read(begin + content)
        except ecb.BadRates:
            continue


# ---------------------------------------------------------------- converting


@pytest.mark.parametrize(
    ("amount", "currency", "into", "converted", "rate"),
    [
        ("104.12", "USD", "EUR", "100.00", "1.0412"),
        ("100.00", "EUR", "USD", "104.12", "0.9604302728"),
        ("161.25", "JPY", "CHF", "0.93", "173.5550533"),
        ("1", "JPY", "EUR", "0.01", "161.25"),
        ("0.80625", "JPY", "EUR", "0.01", "161.25"),  # half a cent
        ("0.80624", "JPY", "EUR", "0.00", "161.25"),
    ],
)
def test_amount_is_rounded_once_half_up_to_the_hundredth(
    amount: str, currency: str, into: str, converted: str, rate: str
) -> None:
    """Also between two currencies of which none is the euro."""
    found = compare(Decimal(amount), currency, into, table("2026-05-04"))
    assert (str(found.amount), str(found.rate), found.problem) == (converted, rate, None)
    assert (found.currency, found.day, found.source) == (into, date(2026, 5, 4), "www.ecb.europa.eu")


@pytest.mark.parametrize(
    ("amount", "currency", "into", "problem"),
    [
        ("1", "XAU", "EUR", "no_rate"),
        ("1", "USD", "XAU", "no_rate"),
        (None, "USD", "EUR", "amount"),
        ("1", None, "EUR", "amount"),
        ("1e80", "USD", "EUR", "amount"),
    ],
)
def test_amount_that_cannot_be_converted_says_why(
    amount: str | None, currency: str | None, into: str, problem: str
) -> None:
    """It has no number then, so no rule that compares converted amounts matches."""
    found = compare(Decimal(amount) if amount else None, currency, into, table("2026-05-04"))
    assert (found.amount, found.rate, found.problem) == (None, None, problem)
    assert compare(Decimal(1), "USD", "EUR", None).problem == "no_rates"


@given(st.decimals("0.01", "1e12", places=2), st.sampled_from(sorted(USUAL)))
def test_converting_there_and_back_is_off_by_the_rounding_alone(amount: Decimal, currency: str) -> None:
    """Half a hundredth of a euro, times the rate, and half a hundredth again."""
    there = compare(amount, currency, "EUR", table("2026-05-04")).amount
    assert there is not None
    back = compare(there, "EUR", currency, table("2026-05-04")).amount
    assert back is not None
    assert abs(back - amount) <= Decimal("0.005") * (Decimal(USUAL[currency]) + 1)


# ---------------------------------------------------------------- which rates count


def test_newest_day_counts_and_the_last_good_one_after_it() -> None:
    """Over a weekend it is that of Friday; once it is too old there is none."""
    blobs = MemoryBlobs()
    for day in ("2026-04-30", "2026-05-01"):
        assert rates.keep(blobs, table(day))
    for days, found in ((7, date(2026, 5, 1)), (3, date(2026, 5, 1)), (2, None)):
        newest = rates.newest(blobs, NOON, days)
        assert (newest.day if newest else None) == found


def test_rates_of_a_day_are_never_changed() -> None:
    """Routes name their day: a file that comes later with other numbers is left alone."""
    blobs = MemoryBlobs()
    assert rates.keep(blobs, table("2026-05-04", USD="1.1"))
    assert not rates.keep(blobs, table("2026-05-04", USD="9.9"))
    newest = rates.newest(blobs, NOON + timedelta(days=1), 7)
    assert newest
    assert newest.rates == {"USD": Decimal("1.1")}


def test_rates_that_come_while_a_step_is_repeated_change_nothing() -> None:
    """What counts at a moment was there ten minutes before: the first attempt and the last see the same."""
    blobs = MemoryBlobs()
    rates.keep(blobs, table("2026-05-01"))
    before = rates.newest(blobs, NOON, 7)
    rates.keep(blobs, table("2026-05-04", fetched=NOON - SETTLES + timedelta(seconds=1)))
    assert rates.newest(blobs, NOON, 7) == before
    later = rates.newest(blobs, NOON + timedelta(seconds=1), 7)
    assert later
    assert later.day == date(2026, 5, 4)

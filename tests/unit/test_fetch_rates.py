"""The fetch of the day's rates from a real small server: what is stored, and what a bad day leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from adapters import services
from adapters.services import Services
from adapters.settings import SettingError, from_environment
from stores import rates
from tests.fakes.lookup_host import LookupHost
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker
from tests.unit.rate_files import USUAL, daily, table
from usecases.rates import fetch_rates, rates_status

EVENING = datetime(2026, 5, 4, 16, 35, tzinfo=UTC)
FILE = "/stats/eurofxref/eurofxref-daily.xml"


@pytest.fixture(scope="module")
def bank() -> Iterator[LookupHost]:
    """The server of the bank."""
    with LookupHost() as host:
        yield host


class Here:
    """The app on blobs in memory, at a time of the test's."""

    def __init__(self, url: str, **environment: str) -> None:
        settings = from_environment(
            {
                "AzureWebJobsStorage": "unused",
                "SETTLE_CALL_HOSTS": "127.0.0.1",
                "SETTLE_CALL_HTTP": "true",
                "SETTLE_CALL_LOOPBACK": "true",
                "SETTLE_RATES_URL": url,
            }
            | environment
        )
        self.now = EVENING
        self.blobs = MemoryBlobs()
        self.services = Services(settings, self.blobs, SayingChecker, clock=lambda: self.now)

    async def fetch(self) -> str | None:
        """The timer fires; returns what went wrong."""
        with services.replaced_by(self.services):
            state = await fetch_rates(self.services)
        assert state
        return state.error

    def newest(self) -> date | None:
        """The day of the rates that count a quarter of an hour later."""
        found = rates.newest(self.blobs, self.now + timedelta(minutes=15), 7)
        return found.day if found else None


async def test_rates_of_the_day_are_fetched_once(bank: LookupHost) -> None:
    """The next hours find them there; the next day asks again."""
    here = Here(bank.put(FILE, daily(("2026-05-04", USUAL))))
    before = len(bank.asked(FILE))
    assert await here.fetch() is None
    here.now += timedelta(hours=1)
    assert await here.fetch() is None
    assert len(bank.asked(FILE)) == before + 1
    assert here.newest() == date(2026, 5, 4)
    status = rates_status(here.services)
    assert (status.day, status.source, status.old) == (date(2026, 5, 4), "127.0.0.1", False)
    here.now += timedelta(days=1)
    assert await here.fetch() is None
    assert len(bank.asked(FILE)) == before + 2


async def test_file_that_still_has_the_day_before_is_asked_for_again(bank: LookupHost) -> None:
    """At 15:35 the bank may not have written yet."""
    here = Here(bank.put(FILE, daily(("2026-05-01", USUAL))))
    assert await here.fetch() is None
    assert here.newest() == date(2026, 5, 1)
    bank.put(FILE, daily(("2026-05-04", USUAL)))
    here.now += timedelta(hours=1)
    assert await here.fetch() is None
    assert here.newest() == date(2026, 5, 4)


async def test_file_of_many_days_fills_what_is_missing(bank: LookupHost) -> None:
    """Those of a day that is there stay as they are."""
    here = Here(bank.put("/90d.xml", daily(("2026-05-04", USUAL), ("2026-04-30", {"USD": "2"}))))
    rates.keep(here.blobs, table("2026-04-30", USD="1"))
    assert await here.fetch() is None
    assert here.blobs.names("rates/days/") == ["rates/days/2026-04-30.json", "rates/days/2026-05-04.json"]
    old = rates.newest(here.blobs, datetime(2026, 4, 30, 20, tzinfo=UTC), 1)
    assert old
    assert str(old.rates["USD"]) == "1"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/html", "well-formed|no rates"),
        ("/status/500", "HTTP 500"),
        ("/status/404", "HTTP 404"),
        ("/busy/99", "HTTP 429"),
        ("/redirect?http%3A%2F%2F169.254.169.254%2F", "HTTP 302"),
        ("/gigabyte", "larger than what is taken"),
        ("/bomb", "larger than what is taken"),
        ("/broken", "broke off"),
        ("/hang", "in time"),
        ("/ok", "well-formed"),
        ("/future.xml", "is not here yet"),
    ],
)
async def test_bad_day_leaves_the_last_good_rates_and_says_why(
    bank: LookupHost, monkeypatch: pytest.MonkeyPatch, path: str, reason: str
) -> None:
    """They count until they are too old."""
    monkeypatch.setattr("usecases.rates._SECONDS", 0.3 if path == "/hang" else 10)
    bank.put("/future.xml", daily(("2026-05-09", USUAL)))
    here = Here(bank.url + path)
    rates.keep(here.blobs, table("2026-05-01"))
    error = await here.fetch()
    assert error
    assert re.search(reason, error)
    assert here.newest() == date(2026, 5, 1)
    status = rates_status(here.services)
    assert (status.old, status.error) == (False, error)
    here.now += timedelta(days=5)
    assert rates_status(here.services).old


async def test_host_that_may_not_be_called_is_told(bank: LookupHost) -> None:
    """It has to be on the list of hosts as all others."""
    here = Here(bank.put(FILE, daily(("2026-05-04", USUAL))), SETTLE_CALL_HOSTS="www.ecb.europa.eu")
    error = await here.fetch()
    assert error
    assert "SETTLE_CALL_HOSTS" in error


async def test_nothing_is_fetched_where_no_setting_says_from_where() -> None:
    """And nothing is stored."""
    here = Here("")
    with services.replaced_by(here.services):
        assert await fetch_rates(here.services) is None
    assert here.blobs.names("rates/") == []
    assert not rates_status(here.services).set_up


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("SETTLE_RATES_URL", "ftp://ecb.example/a", "SETTLE_RATES_URL cannot be read"),
        ("SETTLE_RATES_URL", "https://user:hush@ecb.example/a", "SETTLE_RATES_URL cannot be read"),
        ("SETTLE_RATES_URL", "http://[x", "SETTLE_RATES_URL cannot be read"),
        ("SETTLE_RATES_DAYS", "0", "above 0"),
        ("SETTLE_RATES_DAYS", "90", "from 1 to 31"),
    ],
)
def test_setting_that_cannot_be_used_is_told(name: str, value: str, reason: str) -> None:
    """With what to set."""
    with pytest.raises(SettingError, match=reason) as error:
        from_environment({"AzureWebJobsStorage": "unused", name: value})
    assert "hush" not in str(error.value)

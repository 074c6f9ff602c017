"""One service is asked once, over HTTP: a VAT service, a register and an ERP that are real small servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters import services
from adapters.services import Services
from adapters.settings import from_environment
from invoicing.records.supplier_checks import AskServiceJob, ServiceAnswer, ServiceTry, SupplierIdentity
from invoicing.supplier_checks.services import ChecksInvalid
from stores import supplier_checks as store
from tests.fakes.lookup_host import LookupHost
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker
from usecases.check_suppliers import ask_service, desk_at

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ACME = SupplierIdentity(vat_id="DE123456789", legal_id="HRB 4711", name="ACME GmbH", country="DE")
VIES = "/rest-api/ms/DE/vat/123456789"
SECRET = "hush-hush-1234"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[LookupHost]:
    """The services."""
    with LookupHost() as host:
        yield host


class Here:
    """The app on blobs in memory, with a check of one supplier under way."""

    def __init__(self, host: LookupHost, folder: Path, **changes: Any) -> None:
        vies = {
            "name": "vies",
            "url": f"{host.url}/rest-api/ms/{{vat_country}}/vat/{{vat_number}}",
            "yes": [{"at": "/isValid", "is": [True]}],
            "no": [{"at": "/userError", "is": ["INVALID"]}],
            "supplier_name": {"at": "/name", "none": ["---"]},
            "timeout": "PT5S",
        }
        erp = {
            "name": "erp",
            "method": "POST",
            "url": f"{host.url}/suppliers/search",
            "headers": {"Authorization": {"secret": "ERP", "prefix": "Bearer "}},
            "body": {"name": "{name}", "id": "{legal_id}"},
            "yes": [{"at": "/found", "is": [1]}],
            "no": [{"at": "/found", "is": [0]}],
        }
        self.file = folder / "checks.json"
        self.file.write_text(json.dumps({"version": 1, "services": [vies | changes, erp]}))
        self.now = NOON
        self.blobs = MemoryBlobs()
        settings = from_environment(
            {
                "AzureWebJobsStorage": "unused",
                "SETTLE_CALL_HOSTS": "127.0.0.1",
                "SETTLE_CALL_HTTP": "true",
                "SETTLE_CALL_LOOPBACK": "true",
                "SETTLE_CALL_SECRETS": "ERP=127.0.0.1",
                "SETTLE_SECRET_ERP": SECRET,
                "SETTLE_SUPPLIER_CHECKS": str(self.file),
            }
        )
        self.services = Services(settings, self.blobs, SayingChecker, clock=lambda: self.now)
        store.begin(self.blobs, ACME, ("vies", "erp"), NOON, NOON + timedelta(seconds=30))

    async def ask(self, service: str = "vies", *, last: bool = False) -> ServiceTry:
        """The step is done."""
        job = AskServiceJob(supplier=ACME.key, number=1, service=service, last=last)
        with services.replaced_by(self.services):
            return await ask_service(self.services, job)

    def kept(self, service: str = "vies") -> ServiceAnswer | None:
        """What is stored of a service."""
        return store.answer_of(self.blobs, ACME.key, service)


async def test_answer_is_kept_with_its_time(elsewhere: LookupHost, tmp_path: Path) -> None:
    """The VAT service is asked by its address, the ERP by a body and with a secret."""
    here = Here(elsewhere, tmp_path)
    elsewhere.put_json(VIES, {"isValid": True, "userError": "VALID", "name": "ACME GMBH & CO KG"})
    elsewhere.put_json("/suppliers/search", {"found": 0})
    assert await here.ask() == ServiceTry(said="yes")
    assert await here.ask("erp") == ServiceTry(said="no")
    answer = here.kept()
    assert answer
    assert (answer.name, answer.name_fits, answer.until - answer.at) == (
        "ACME GMBH & CO KG",
        True,
        timedelta(days=30),
    )
    request = elsewhere.asked("/suppliers/search")[-1]
    assert json.loads(request.body) == {"name": "ACME GmbH", "id": "HRB 4711"}
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in repr(here.blobs.stored)


async def test_step_that_is_repeated_asks_nobody(elsewhere: LookupHost, tmp_path: Path) -> None:
    """Its answer was lost on the way, and stands in the storage."""
    here = Here(elsewhere, tmp_path)
    elsewhere.put_json(VIES, {"isValid": True})
    first = await here.ask()
    before = len(elsewhere.asked(VIES))
    assert await here.ask() == first
    assert len(elsewhere.asked(VIES)) == before


@pytest.mark.parametrize(
    ("path", "again", "why"),
    [
        ("/hang", True, "in time"),
        ("/trickle", True, "in time"),
        ("/status/500", True, "HTTP 500"),
        ("/busy/99", True, "HTTP 429"),
        ("/html", True, "not JSON"),
        ("/gigabyte", True, "larger than what is taken"),
        ("/bomb", True, "larger than what is taken"),
        ("/broken", True, "broke off"),
        ("/noise", True, "HTTP"),
        ("/closed", True, "broke off"),
        ("/status/401", False, "HTTP 401"),
        ("/redirect?http%3A%2F%2F169.254.169.254%2F", False, "HTTP 302"),
    ],
)
async def test_service_on_a_bad_day_is_away(
    elsewhere: LookupHost, tmp_path: Path, path: str, again: bool, why: str
) -> None:
    """Trying again is for what may get better; the last try keeps what was wrong, for ten minutes."""
    url = f"{elsewhere.url}{path}{'&' if '?' in path else '?'}v={{vat_id}}"
    here = Here(elsewhere, tmp_path, url=url, timeout="PT1S")
    tried = await here.ask()
    assert (tried.said, tried.again) == ("away", again)
    assert (here.kept() is None) == again
    await here.ask(last=True)
    answer = here.kept()
    assert answer
    assert answer.why
    assert why in answer.why
    assert (answer.said, answer.until) == ("away", NOON + timedelta(minutes=10))


async def test_wrong_json_is_no_answer(elsewhere: LookupHost, tmp_path: Path) -> None:
    """It says neither yes nor no: it is asked again in an hour, for another invoice."""
    here = Here(elsewhere, tmp_path)
    elsewhere.put_json(VIES, [{"isValid": "perhaps"}])
    assert await here.ask() == ServiceTry(said="unknown")
    answer = here.kept()
    assert answer
    assert answer.until == NOON + timedelta(hours=1)


async def test_pause_that_is_longer_than_there_is_time_ends_it(elsewhere: LookupHost, tmp_path: Path) -> None:
    """The service is left alone for as long as it asked for; a shorter pause is kept."""
    here = Here(elsewhere, tmp_path, url=f"{elsewhere.url}/status/503?v={{vat_id}}")
    elsewhere.retry_after = "20"
    assert await here.ask() == ServiceTry(said="away", again=True, after=20)
    elsewhere.retry_after = "1800"
    assert await here.ask() == ServiceTry(said="away")
    elsewhere.retry_after = None
    answer = here.kept()
    assert answer
    assert answer.until == NOON + timedelta(minutes=30)


async def test_host_that_may_not_be_called_is_told(elsewhere: LookupHost, tmp_path: Path) -> None:
    """It is not tried again: a person has to set something."""
    here = Here(elsewhere, tmp_path, url="http://other.example/{vat_id}")
    assert await here.ask() == ServiceTry(said="away")
    answer = here.kept()
    assert answer
    assert answer.why
    assert "SETTLE_CALL_HOSTS" in answer.why


async def test_service_that_is_gone_from_the_file_is_not_asked(elsewhere: LookupHost, tmp_path: Path) -> None:
    """Nor is one where the check was taken away."""
    here = Here(elsewhere, tmp_path)
    assert await here.ask("gone") == ServiceTry(said="away")
    here.blobs.delete(f"supplier-checks/{ACME.key}/check.json")
    assert await here.ask() == ServiceTry(said="away")


def test_file_that_is_missing_is_told(elsewhere: LookupHost, tmp_path: Path) -> None:
    """By its name, with what to set."""
    here = Here(elsewhere, tmp_path)
    here.file.unlink()
    with pytest.raises(ChecksInvalid, match="SETTLE_SUPPLIER_CHECKS"):
        desk_at(here.services, NOON, NOON)
    assert desk_at(here.services, NOON, None) is None


def test_one_check_is_under_way_for_a_supplier(elsewhere: LookupHost, tmp_path: Path) -> None:
    """Until it has ended, or its time is long over."""
    blobs = Here(elsewhere, tmp_path).blobs

    def begin(after: timedelta) -> int:
        now = NOON + after
        return store.begin(blobs, ACME, ("vies",), now, now + timedelta(seconds=30)).number

    assert begin(timedelta(minutes=5)) == 1
    assert begin(timedelta(hours=2)) == 2
    store.finish(blobs, ACME.key, 1, NOON)
    assert begin(timedelta(hours=2)) == 2
    store.finish(blobs, ACME.key, 2, NOON + timedelta(hours=2))
    assert begin(timedelta(hours=2)) == 3

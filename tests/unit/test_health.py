"""What the health check says of a policy that cannot be used."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import azure.functions as func
import pytest

from adapters import services
from adapters.services import Services
from adapters.settings import from_environment
from tests.fakes.ledger_keys import LEDGER_KEY
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker
from triggers import health

Ask = Callable[[], tuple[int, dict[str, Any]]]


class Client:
    """A task hub that answers."""

    async def get_status(self, instance_id: str) -> None:
        """There is no such instance."""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """The policy file of the app."""
    return tmp_path / "policy.json"


@pytest.fixture
def ask(policy: Path) -> Iterator[Ask]:
    """Ask the app how it is."""
    links = {"SETTLE_LINK_KEY": "k" * 40, "SETTLE_PUBLIC_URL": "https://settle.example"}
    links["SETTLE_LEDGER_KEY"] = LEDGER_KEY
    settings = from_environment({"AzureWebJobsStorage": "unused", "SETTLE_POLICY": str(policy), **links})
    health._logged.clear()
    here = Services(settings, MemoryBlobs(), SayingChecker)
    checks: Any = health._checks

    def answer() -> tuple[int, dict[str, Any]]:
        response: func.HttpResponse = asyncio.run(checks(cast(Any, Client())))
        return response.status_code, json.loads(response.get_body())

    with services.replaced_by(here):
        yield answer


def test_policy_that_can_be_used_is_ok(ask: Ask, policy: Path) -> None:
    """Also where nobody says who we are: that is told, since each invoice counts as ours then."""
    value: dict[str, object] = {
        "version": 1,
        "people": {"ann@example.com": {"name": "Ann"}},
        "rules": [{"name": "all", "when": {}, "stages": []}],
    }
    for buyers, told in (([], "not set"), ([{"names": ["Hansa"]}], "ok")):
        policy.write_text(json.dumps(value | {"buyers": buyers}))
        status, body = ask()
        assert (status, body["status"], body["checks"]["policy"]) == (200, "ok", "ok")
        assert body["checks"]["buyers"] == told


@pytest.mark.parametrize("text", [None, "{", '{"version": 1, "people": {}, "rules": []}'])
def test_policy_that_cannot_be_used_is_told_and_stops_nothing(
    ask: Ask, policy: Path, text: str | None
) -> None:
    """200, since what is under way goes on; `degraded`, and only the kind of what is wrong."""
    if text is not None:
        policy.write_text(text)
    status, body = ask()
    assert (status, body["status"], body["checks"]["policy"]) == (200, "degraded", "PolicyInvalid")


def test_anybody_may_ask_so_no_person_is_named(
    ask: Ask, policy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The names of the policy are in the log alone, once for each change and not for each question."""
    rule = {"name": "all", "when": {}, "stages": [{"name": "s", "approvers": ["eva.stein@example.com"]}]}
    policy.write_text(json.dumps({"version": 1, "people": {}, "rules": [rule]}))
    answers = [ask() for _ in range(3)]
    assert "eva.stein" not in json.dumps(answers)
    assert [("eva.stein@example.com" in line) for line in caplog.messages] == [True]
    known = {"eva.stein@example.com": {"name": "Eva"}}
    policy.write_text(json.dumps({"version": 1, "people": known, "rules": [{**rule, "stages": []}]}))
    ask()
    ask()
    assert caplog.messages[1:] == ["health: policy is ok again"]


def test_setting_that_is_missing_is_named_in_the_log_and_not_in_the_answer(
    ask: Ask, policy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A stranger learns that links do not work, the operator why."""
    here = services.current()
    access = replace(here.settings.access, public_url="")
    with services.replaced_by(replace(here, settings=replace(here.settings, access=access))):
        _, body = ask()
    assert (body["status"], body["checks"]["links"]) == ("degraded", "SettingError")
    assert "SETTLE_PUBLIC_URL" not in json.dumps(body)
    assert "SETTLE_PUBLIC_URL" in caplog.text


@pytest.mark.parametrize(("where", "answer"), [("", "SettingError"), ("Development", "ok")])
def test_ledger_that_cannot_be_signed_is_told_where_the_app_is_deployed(
    ask: Ask, policy: Path, caplog: pytest.LogCaptureFixture, where: str, answer: str
) -> None:
    """`degraded`: everything can be looked at, and nothing decided. A local run needs no key."""
    environment = {"AzureWebJobsStorage": "unused", "AZURE_FUNCTIONS_ENVIRONMENT": where}
    here = services.current()
    with services.replaced_by(replace(here, settings=from_environment(environment))):
        status, body = ask()
    assert (status, body["status"], body["checks"]["ledger"]) == (200, "degraded", answer)
    assert ("SETTLE_LEDGER_KEY" in caplog.text) == (answer != "ok")


def test_rates_that_are_to_be_there_and_are_not_are_told(ask: Ask) -> None:
    """Where no setting says from where they come, they are missed by nobody."""
    assert ask()[1]["checks"]["rates"] == "ok"
    now = services.current()
    lookups = replace(now.settings.lookups, rates_url="https://www.ecb.europa.eu/rates.xml")
    with services.replaced_by(replace(now, settings=replace(now.settings, lookups=lookups))):
        status, body = ask()
    assert (status, body["status"], body["checks"]["rates"]) == (200, "degraded", "RatesOld")


def test_file_of_supplier_checks_that_cannot_be_used_is_told(ask: Ask, tmp_path: Path) -> None:
    """New invoices wait for it."""
    assert ask()[1]["checks"]["supplier_checks"] == "ok"
    now = services.current()
    lookups = replace(now.settings.lookups, checks_file=tmp_path / "none.json")
    with services.replaced_by(replace(now, settings=replace(now.settings, lookups=lookups))):
        status, body = ask()
    assert (status, body["status"], body["checks"]["supplier_checks"]) == (200, "degraded", "ChecksInvalid")

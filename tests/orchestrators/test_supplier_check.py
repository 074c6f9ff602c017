"""The check of a supplier: services that answer, are away, hang; and what an invoice waits for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters import outgoing
from adapters.lookup_settings import LookupSettings
from devhost.clock import VirtualClock
from devhost.testing import Host, HostCrash, in_turn
from invoicing.approval import names
from invoicing.records.outgoing import OutgoingAnswer, OutgoingRequest
from orchestrators import supplier_check
from stores import supervised
from stores.blobs import StorageUnavailable
from stores.invoices import InvoiceStore
from stores.routes import RouteStore
from tests.orchestrators import test_batch_approvals as some_batch
from tests.orchestrators.approval_kit import ANN, INVOICE, Office, clerk
from usecases.approval_view import read_approval

NOON = VirtualClock().now()
KEY = "5" * 32
YES, AWAY = {"said": "yes"}, {"said": "away", "again": True}
GIVEN_UP = {"said": "away"}

Make = Callable[..., Host]


def _job(*services: str, seconds: int = 30) -> dict[str, Any]:
    until = (NOON + timedelta(seconds=seconds)).isoformat()
    return {"supplier": KEY, "number": 1, "services": list(services), "until": until}


@pytest.fixture
def host_with() -> Iterator[Make]:
    """Hosts whose services are replaced by what each says in turn; all are closed after the test."""
    hosts: list[Host] = []

    def make(**services: Any) -> Host:
        def ask(job: dict[str, Any]) -> Any:
            said = services[job["service"]]
            return said(job) if callable(said) else said

        steps = {"ask_supplier_service": ask, "close_supplier_check": {"closed": True}}
        hosts.append(Host(supplier_check.bp, activities=steps))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


def _asked(host: Host, service: str) -> list[dict[str, Any]]:
    return [job for job in host.calls_of("ask_supplier_service") if job["service"] == service]


# ---------------------------------------------------------------- the check alone


def test_services_are_asked_at_the_same_time_and_the_check_is_closed(host_with: Make) -> None:
    """One step each, no timer."""
    host = host_with(vies=YES, erp={"said": "no"})
    status = host.run("supplier_check", _job("vies", "erp"))
    assert status.output == {"said": {"vies": "yes", "erp": "no"}}
    assert host.now == NOON
    assert host.calls_of("close_supplier_check") == [{"supplier": KEY, "number": 1}]


def test_service_that_is_away_is_asked_again_and_the_others_are_not(host_with: Make) -> None:
    """After two seconds, then twice as long."""
    host = host_with(vies=in_turn(AWAY, AWAY, YES), erp=YES)
    name = host.start("supplier_check", _job("vies", "erp"))
    for pause, tries in ((2, 2), (4, 3)):
        host.advance(seconds=pause - 1)
        assert len(_asked(host, "vies")) == tries - 1
        host.advance(seconds=1)
        assert len(_asked(host, "vies")) == tries
    assert host.finish(name).output == {"said": {"vies": "yes", "erp": "yes"}}
    assert len(_asked(host, "erp")) == 1


def test_last_try_knows_that_it_is_the_last(host_with: Make) -> None:
    """It is the one after which there is no time for another, and it keeps what went wrong."""
    host = host_with(vies=lambda job: GIVEN_UP if job["last"] else AWAY)
    status = host.finish(host.start("supplier_check", _job("vies")))
    assert status.output == {"said": {"vies": "away"}}
    lasts = [job.get("last", False) for job in _asked(host, "vies")]
    assert lasts == [False, False, False, True]  # after 0, 2, 6 and 14 seconds: the next one would be at 30
    assert host.now - NOON < timedelta(seconds=30)


def test_service_that_asks_for_a_pause_gets_it(host_with: Make) -> None:
    """The others go on meanwhile."""
    host = host_with(vies=in_turn({**AWAY, "after": 20}, YES), erp=in_turn(AWAY, YES))
    name = host.start("supplier_check", _job("vies", "erp"))
    host.advance(seconds=19)
    assert (len(_asked(host, "vies")), len(_asked(host, "erp"))) == (1, 2)
    host.advance(seconds=2)
    assert host.finish(name).output == {"said": {"vies": "yes", "erp": "yes"}}


def test_step_that_breaks_counts_as_a_service_that_is_away(host_with: Make) -> None:
    """Storage that is away, or a fault: the check ends all the same."""
    host = host_with(vies=in_turn(OSError("StorageUnavailable: no answer"), YES), erp=in_turn(KeyError("x")))
    status = host.finish(host.start("supplier_check", _job("vies", "erp")))
    assert (status.runtime_status, status.output["said"]) == ("Completed", {"vies": "yes", "erp": "away"})


def test_check_that_comes_late_asks_each_service_once(host_with: Make) -> None:
    """Its queue was long, or it was lost and is begun again: what it learns counts for the next invoice."""
    host = host_with(vies=GIVEN_UP)
    host.advance(hours=1)
    assert host.run("supplier_check", _job("vies")).output == {"said": {"vies": "away"}}
    assert [job["last"] for job in _asked(host, "vies")] == [True]


@pytest.mark.parametrize("when", ["before", "after"])
def test_host_that_dies_at_any_commit_ends_with_the_same_output(tmp_path: Path, when: str) -> None:
    """Each service has said the same in the end."""
    crash, crashed = 0, True
    while crashed:
        crash += 1
        erp = in_turn(AWAY, AWAY, YES)
        steps = {
            "ask_supplier_service": lambda job, erp=erp: erp(job) if job["service"] == "erp" else YES,
            "close_supplier_check": {"closed": True},
        }
        state = tmp_path / f"{when}-{crash}.db"
        with Host(supplier_check.bp, activities=steps, state=state) as host:
            host.crash_at(crash, when)
            crashed = not _finished(host)
            if crashed:
                host.restart()
                if not host.instances("c"):
                    host.start("supplier_check", _job("vies", "erp"), instance_id="c")
            assert host.finish("c").output == {"said": {"vies": "yes", "erp": "yes"}}
    assert crash > 5, "so few commits cannot be all"


def _finished(host: Host) -> bool:
    try:
        host.start("supplier_check", _job("vies", "erp"), instance_id="c")
        host.finish("c")
    except HostCrash:
        return False
    return True


# ---------------------------------------------------------------- invoices that wait for it

FILE = {
    "version": 1,
    "deadline": "PT20S",
    "services": [
        {
            "name": "vies",
            "title": "VIES",
            "url": "https://vies.example/{name}",
            "yes": [{"at": "/ok", "is": [True]}],
            "no": [{"at": "/ok", "is": [False]}],
            "no_means": "SETTLE-VAT-UNKNOWN",
        }
    ],
}


class Checked:
    """An office where new suppliers are checked, by a service that a test speaks for."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **host: Any) -> None:
        file = folder / "checks.json"
        file.write_text(json.dumps(FILE))
        self.requests: list[OutgoingRequest] = []
        self.says: Callable[[], OutgoingAnswer] = lambda: answered(True)
        self.office = Office(clerk(), **host)
        self.office.settings = replace(self.office.settings, lookups=LookupSettings(checks_file=file))

        async def send(request: OutgoingRequest) -> OutgoingAnswer:
            self.requests.append(request)
            return self.says()

        monkeypatch.setattr(outgoing, "send", send)

    def findings(self, ref: str = INVOICE) -> list[str]:
        """The findings that the approvers are shown."""
        request = read_approval(self.office.blobs, names.approval_id(ref)).request
        return [found.rule for found in request.row.findings]

    def phase(self, ref: str = INVOICE) -> str:
        """Where an invoice is."""
        return self.office.status(ref).custom_status["phase"]


def answered(ok: bool) -> OutgoingAnswer:
    """The service answers."""
    return OutgoingAnswer(outcome="answered", status=200, body=json.dumps({"ok": ok}).encode())


def away() -> OutgoingAnswer:
    """The service hangs."""
    return OutgoingAnswer(outcome="timed_out", error="The answer was not complete in time.")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checked]:
    """Such an office at work."""
    made = Checked(tmp_path, monkeypatch)
    with made.office.at_work():
        yield made


def test_invoice_of_a_new_supplier_waits_for_the_answer(here: Checked) -> None:
    """It is looked for after one second; the approvers are shown what was said."""
    here.office.bring()
    assert (here.phase(), here.requests) == ("routing", [])
    here.office.deliver()
    assert len(here.requests) == 1
    here.office.host.advance(seconds=1)
    assert (here.phase(), here.findings()) == ("approval", [])
    supplier = read_approval(here.office.blobs, names.approval_id(INVOICE)).request.supplier
    assert supplier
    assert [(one.service, one.said) for one in supplier.answers] == [("vies", "yes")]
    stored = InvoiceStore(here.office.blobs).route(INVOICE)
    assert stored
    assert stored.supplier == supplier


def test_supplier_whom_the_service_does_not_know_is_a_finding(here: Checked) -> None:
    """The one that the file of services names."""
    here.says = lambda: answered(False)
    here.office.bring()
    here.office.deliver()
    here.office.host.advance(seconds=1)
    assert here.findings() == ["SETTLE-VAT-UNKNOWN"]


def test_service_that_is_away_holds_an_invoice_until_its_deadline_and_no_longer(here: Checked) -> None:
    """Then the approvers are told that it was not checked."""
    here.says = away
    start = here.office.host.now
    here.office.bring()
    here.office.deliver()
    while here.phase() == "routing":
        here.office.host.advance(seconds=1)
    assert here.office.host.now - start <= timedelta(seconds=21)
    assert here.findings() == ["SETTLE-SUPPLIER-UNCHECKED"]
    here.office.decide(ANN, "approve")
    assert here.office.status().output["status"] == "booked"


def test_check_that_never_starts_holds_an_invoice_until_its_deadline(here: Checked) -> None:
    """The queue has lost its messages: each look sends one more, and in the end it goes on without."""
    here.office.bring()
    for _ in range(25):
        here.office.host.advance(seconds=1)
    assert here.findings() == ["SETTLE-SUPPLIER-UNCHECKED"]
    starts = {instance for name, instance, _ in here.office.queue if name == "supplier_check"}
    assert len(starts) == 1
    assert starts <= set(supervised.instances_under_way(here.office.blobs))


def test_many_invoices_of_one_new_supplier_make_one_call(here: Checked) -> None:
    """Those that come while it is asked wait for the same answer; those that come later find it."""
    refs = [names.invoice_id(f"{n:x}" * 64) for n in range(1, 9)]
    for n, ref in enumerate(refs[:4]):
        here.office.bring(f"valid ACME {n} 500.00", ref=ref)
    here.office.deliver()
    here.office.host.advance(seconds=3)
    for n, ref in enumerate(refs[4:]):
        here.office.bring(f"valid ACME {n + 4} 500.00", ref=ref)
        assert here.phase(ref) == "approval"
    assert len(here.requests) == 1
    assert [here.findings(ref) for ref in refs] == [[]] * 8


def test_answer_counts_for_its_time_and_is_asked_for_again_then(here: Checked) -> None:
    """Thirty days; a service that was away is asked again after ten minutes."""
    refs = [names.invoice_id(f"{n:x}" * 64) for n in range(1, 5)]

    def bring(n: int) -> None:
        here.office.bring(f"valid ACME {n} 500.00", ref=refs[n])
        here.office.deliver()
        here.office.host.advance(seconds=25)

    here.says = away
    bring(0)
    tries = len(here.requests)
    assert tries > 1
    bring(1)
    assert len(here.requests) == tries
    here.office.host.advance(minutes=11)
    here.says = lambda: answered(True)
    bring(2)
    assert len(here.requests) == tries + 1
    here.office.host.advance(days=31)
    bring(3)
    assert len(here.requests) == tries + 2
    found = [here.findings(ref) for ref in refs]
    assert found == [["SETTLE-SUPPLIER-UNCHECKED"], ["SETTLE-SUPPLIER-UNCHECKED"], [], []]


def test_answers_that_cannot_be_stored_do_not_hold_an_invoice_for_ever(here: Checked) -> None:
    """It has one check begun and waits for its deadline."""

    def no_answers(verb: str, name: str) -> None:
        if verb == "write" and "/answers/" in name:
            raise StorageUnavailable(f"{verb} {name}: no answer")

    here.office.blobs.fails = no_answers
    here.office.bring()
    for _ in range(60):
        here.office.deliver()
        here.office.host.advance(seconds=1)
    assert here.findings() == ["SETTLE-SUPPLIER-UNCHECKED"]
    checks = [one for one in here.office.host.instances() if one.name == "supplier_check"]
    assert len(checks) == 1


def test_file_of_services_that_cannot_be_used_is_waited_for(here: Checked) -> None:
    """A person mends it, and the invoice goes on."""
    file = here.office.settings.lookups.checks_file
    assert file
    file.write_text("{")
    here.office.bring()
    here.office.host.advance(minutes=2)
    assert here.phase() == "routing"
    file.write_text(json.dumps(FILE))
    for _ in range(400):
        here.office.deliver()
        here.office.host.advance(seconds=1)
    assert here.phase() == "approval"


def test_batch_waits_once_for_all_of_its_new_suppliers(here: Checked) -> None:
    """Its nine invoices are of one supplier: one call, and all are routed with the answer."""
    here.says = lambda: answered(False)
    some_batch._store(here.office, 10)
    some_batch._start(here.office)
    status = here.office.host.status(f"{some_batch.BATCH}-approvals")
    assert status.custom_status["phase"] == "routing"
    here.office.deliver()
    here.office.host.advance(seconds=1)
    assert len(here.requests) == 1
    found = {n: here.findings(f"{some_batch.BATCH}/{n}") for n in range(1, 10)}
    assert all(rules == ["SETTLE-VAT-UNKNOWN"] for rules in found.values())
    route = RouteStore(here.office.blobs, some_batch.BATCH).route(3)
    assert route
    assert route.supplier
    assert route.supplier.answers[0].said == "no"


def test_batch_is_held_until_the_deadline_and_no_longer(here: Checked) -> None:
    """Its service hangs."""
    here.says = away
    some_batch._store(here.office, 3)
    some_batch._start(here.office)
    start = here.office.host.now
    monitor = f"{some_batch.BATCH}-approvals"
    while here.office.host.status(monitor).custom_status["phase"] == "routing":
        here.office.deliver()
        here.office.host.advance(seconds=1)
    assert here.office.host.now - start <= timedelta(seconds=21)
    assert here.findings(f"{some_batch.BATCH}/1") == ["SETTLE-SUPPLIER-UNCHECKED"]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_invoice_of_an_older_version_goes_on_as_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Nothing is asked, nothing is waited for, nothing is found."""
    made = Checked(tmp_path, monkeypatch, default_version=version)
    with made.office.at_work() as office:
        office.bring()
        assert (made.phase(), made.findings()) == ("approval", [])
        assert not [name for name, _, _ in office.queue if name == "supplier_check"]


def test_run_that_dies_at_any_commit_has_one_check_and_one_approval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the two runs dies."""
    crash, crashed = 0, True
    while crashed:
        crash += 1
        made = Checked(tmp_path, monkeypatch, state=tmp_path / f"{crash}.db")
        with made.office.at_work() as office:
            office.store("valid ACME 17 500.00")
            office.host.crash_at(crash, "after")
            wait = [lambda office=office: (office.deliver(), office.host.advance(seconds=1))] * 30
            crashed = office.live([lambda office=office: _start(office), *wait])
            assert (made.phase(), made.findings()) == ("approval", [])
            checks = [one for one in office.host.instances() if one.name == "supplier_check"]
            assert len(checks) == 1
    assert crash > 5, "so few commits cannot be all"


def _start(office: Office) -> None:
    if not office.host.instances(INVOICE):
        office.host.start("process_invoice", {"invoice": INVOICE, "run": "1"}, instance_id=INVOICE)

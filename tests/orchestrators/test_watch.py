"""The watch on the in-process host: what runs wait for, and what closing and rewinding come to."""

from __future__ import annotations

import asyncio
import logging

import pytest

from adapters import services
from invoicing.approval import names
from invoicing.approval.deciding import DecisionRefused
from invoicing.records.supervision import OpenWork
from invoicing.records.watching import Watched
from stores import goods, supervised
from stores.blobs import StorageUnavailable
from stores.records import Listed
from tests.orchestrators.approval_kit import ANN, BOB, DOCUMENT, INVOICE, Office, clerk
from tests.orchestrators.goods_kit import BILL, WAITS, Dock
from tests.orchestrators.sweep_kit import Yard
from tests.unit.page_requests import handler
from triggers import watching
from usecases.end_run import close_run, rewind_run
from usecases.refusals import NotNow, Unknown

APPROVAL = names.approval_id(INVOICE)
OTHER = "i" + "2" * 24


def stuck(office: Office | Yard) -> list[Watched]:
    """What a look finds."""
    return asyncio.run(watching.look(office.client, office.host.now)).stuck


def wait_of(office: Office | Yard, instance: str) -> Watched | None:
    """What one run waits for."""
    return asyncio.run(watching.look_at(office.client, instance, office.host.now))


def close(office: Office | Yard, instance: str, reason: str = "By Ann: a mistake") -> None:
    """A person closes a run."""
    asyncio.run(close_run(services.current(), office.client, instance, reason, office.host.now))


def rewind(office: Office, instance: str) -> None:
    """A person has the failed step repeated."""
    asyncio.run(rewind_run(services.current(), office.client, instance, "By Ann: mended it", office.host.now))


def test_nothing_is_stuck_while_people_have_time() -> None:
    """The approval waits for two of them; its invoice waits for it."""
    with Office(clerk()).at_work() as office:
        office.bring()
        office.host.advance(hours=1)
        assert stuck(office) == []
        approval, invoice = wait_of(office, APPROVAL), wait_of(office, INVOICE)
        assert approval is not None
        assert invoice is not None
        assert (approval.waits_for, approval.who, approval.actions) == ("person", (ANN, BOB), ("reassign",))
        assert (invoice.waits_for, invoice.actions) == ("approval", ("close",))
        office.decide(ANN, "approve")
        assert wait_of(office, INVOICE) is None
        assert wait_of(office, "unknown") is None


def test_outage_is_told_with_its_last_failure(caplog: pytest.LogCaptureFixture) -> None:
    """Out of the history: the custom status does not know of it. The log has one line."""
    with Office(clerk()).at_work() as office:
        office.blobs.fails = _no_claims
        office.bring()
        office.host.advance(minutes=5)
        assert stuck(office) == []
        office.host.advance(minutes=20)
        (found,) = stuck(office)
        assert (found.instance, found.waits_for, found.actions) == (INVOICE, "storage", ("close",))
        assert "StorageUnavailable" in found.last_failure

        with caplog.at_level(logging.WARNING):
            asyncio.run(handler(watching.watch_runs)(None, office.client))
        lines = [record.getMessage() for record in caplog.records if "stuck" in record.getMessage()]
        assert len(lines) == 1
        assert lines[0].startswith(
            f"1 run is stuck; the oldest, process_invoice {INVOICE}, waits for storage"
        )

        office.blobs.come_back()
        office.host.advance(minutes=6)
        assert stuck(office) == []


def test_closed_invoice_gives_back_what_it_held() -> None:
    """The ledger says who closed it and why; nobody can decide any more, and a corrected invoice may come."""
    with Office(clerk()).at_work() as office:
        office.bring()
        close(office, INVOICE)
        last = office.entries()[-1]
        assert (last.kind, last.detail.outcome, last.detail.reason) == (
            "closed",
            "failed",
            "By Ann: a mistake",
        )
        assert office.blobs.names("inbox/") == []
        assert office.status().runtime_status == office.status(APPROVAL).runtime_status == "Terminated"
        with pytest.raises(DecisionRefused):
            office.decide(ANN, "approve", stage="clerk")
        assert office.payables() == []
        assert not supervised.is_noted(office.blobs, INVOICE)
        office.deliver()
        assert office.supervise() == office.supervise(gone=True) == []
        assert wait_of(office, INVOICE) is None

        office.bring(ref=OTHER)
        office.decide(ANN, "approve", names.approval_id(OTHER))
        assert len(office.payables()) == 1

        close(office, INVOICE)  # again: nothing more
        assert [kind for kind in office.kinds() if kind == "closed"] == ["closed"]


def test_closed_invoice_bills_no_more() -> None:
    """It waited for its goods: nobody waits for them any more, and a corrected invoice gets them."""
    with Dock().at_work() as dock:
        dock.order()
        dock.bring(BILL)
        close(dock, INVOICE)
        assert dock.state().withdrawn
        assert goods.waiting(dock.blobs) == (Listed([], []), 0)
        assert dock.host.status(WAITS).runtime_status == "Terminated"

        dock.goods("a", ("1", 10), ("2", 4))
        dock.bring(BILL, ref=OTHER)
        assert dock.status(OTHER).output["status"] == "booked"
        assert [payable["ref"] for payable in dock.payables()] == [OTHER]


def test_booked_invoice_is_not_closed() -> None:
    """What people approved is not taken back by a button."""
    with Office(clerk()).at_work() as office:
        office.bring()
        office.decide(ANN, "approve")
        supervised.note(office.blobs, _work())  # as if its run were not known to have ended
        with pytest.raises(NotNow, match="booked"):
            close(office, INVOICE)


def test_invoice_that_is_booked_while_it_is_closed_gives_nothing_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a second invoice of its number could be booked beside it."""
    with Office(clerk()).at_work() as office:
        office.bring()
        looks = iter([False, True])
        monkeypatch.setattr("usecases.end_run._is_booked", lambda *_: next(looks))
        with pytest.raises(NotNow, match="nothing was given back"):
            close(office, INVOICE)
        assert "closed" not in office.kinds()
        office.bring(ref=OTHER)
        assert office.status(OTHER).output["status"] == "duplicate"


def test_part_is_not_closed_alone() -> None:
    """The approval belongs to its invoice."""
    with Office(clerk()).at_work() as office:
        office.bring()
        with pytest.raises(NotNow, match="part"):
            close(office, APPROVAL)
        with pytest.raises(Unknown):
            close(office, "unknown")


def _broken(office: Office) -> Watched:
    """A run that failed of itself: a record of it is damaged. Returns what is told of it."""
    office.store(DOCUMENT)
    supervised.note(office.blobs, _work())
    office.host.start("process_invoice", {"invoice": INVOICE, "run": 5}, instance_id=INVOICE)
    assert office.status().runtime_status == "Failed"
    office.supervise()
    (found,) = stuck(office)
    return found


def test_run_that_failed_of_itself_is_closed_for_good() -> None:
    """The supervisor does not begin it again, though the task hub goes on telling that it failed."""
    with Office(clerk()).at_work() as office:
        found = _broken(office)
        assert (found.waits_for, found.actions) == ("repair", ("restart", "rewind", "close"))
        close(office, INVOICE)
        assert stuck(office) == []
        assert wait_of(office, INVOICE) is None
        office.host.advance(hours=1)
        assert office.supervise() == office.supervise(gone=True) == []
        assert stuck(office) == []

        office.host.purge(INVOICE)
        office.supervise()
        assert office.cases() == []


def test_run_that_failed_is_rewound() -> None:
    """It is tried once more from where it was, and is told again where that fails too."""
    with Office(clerk()).at_work() as office:
        _broken(office)
        rewind(office, INVOICE)
        office.host.advance(minutes=1)
        office.supervise()
        (again,) = stuck(office)
        assert again.waits_for == "repair"
        with pytest.raises(Unknown):
            rewind(office, "unknown")


def test_only_a_run_that_failed_is_rewound() -> None:
    """One that waits goes on by itself."""
    with Office(clerk()).at_work() as office:
        office.bring()
        with pytest.raises(NotNow, match="failed"):
            rewind(office, INVOICE)


def test_closed_sweep_gives_back_what_it_had_claimed() -> None:
    """The next one takes all of it."""
    with Yard().at_work() as yard:
        yard.put("a.xml", "b.xml")
        yard.blobs.fails = _no_end
        sweep = yard.sweep() or ""
        yard.host.advance(minutes=20)
        (found,) = stuck(yard)
        assert (found.waits_for, found.actions) == ("storage", ("close",))
        close(yard, sweep)
        yard.blobs.come_back()
        assert yard.finish(yard.sweep())["documents"] == 2
        assert sum(yard.taken().values()) == 2


def _work() -> OpenWork:
    return OpenWork(instance=INVOICE, orchestrator="process_invoice", input={"invoice": INVOICE, "run": "1"})


def _no_claims(verb: str, name: str) -> None:
    if name.startswith("claims/"):
        raise StorageUnavailable(f"{verb} {name}: no answer")


def _no_end(verb: str, name: str) -> None:
    if name.endswith("end.json") and verb == "create":
        raise StorageUnavailable(f"{verb} {name}: no answer")

"""A worker process dies with any step of an orchestration: the work comes to the same end, all of it once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import azure.durable_functions as df
import pytest

from adapters import services
from adapters.services import Services
from adapters.settings import from_environment
from devhost.testing import Host
from invoicing.approval import names
from invoicing.supervision import PAUSES, case_of, due, state
from orchestrators import batch, chunk
from stores import supervised
from stores.invoices import route_name
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker
from tests.orchestrators.approval_kit import (
    ANN,
    BOB,
    CARLA,
    INVOICE,
    HostClient,
    Office,
    as_client_status,
    clerk,
    manager,
)
from tests.orchestrators.test_batch import Work
from triggers import supervising
from web.views.runs import run_of

APPROVAL = names.approval_id(INVOICE)
STAGES = (clerk(approvers=[ANN, BOB], quorum=2, remind_after="P1D"), manager())
LEDGER = [
    *("opened", "stage_opened", "reminder", "approve", "approve"),
    *("stage_opened", "approve", "closed", "booked"),
]


def _life(here: Office, decision: str) -> list[Callable[[], object]]:
    """What happens to one invoice, step by step."""
    return [
        lambda: here.bring(),
        lambda: here.host.advance(days=1, minutes=10),
        lambda: here.decide(ANN, "approve"),
        lambda: here.decide(BOB, "approve"),
        lambda: here.decide(CARLA, decision),
    ]


def _live(here: Office, decision: str = "approve") -> None:
    """Go through all steps; the supervisor comes by after each."""
    for step in _life(here, decision):
        step()
        here.recover()
    here.host.advance(minutes=1)
    here.sweep()
    here.recover()


def _failed(here: Office) -> list[str]:
    return [one.instance_id for one in here.host.instances() if one.runtime_status == "Failed"]


@pytest.mark.parametrize("when", ["before", "after", "half"])
def test_step_that_is_lost_costs_nothing(when: str) -> None:
    """Lost at each step in turn, of the invoice or its approval: same ledger, one payable, none failed."""
    steps = _steps_of_a_whole_life()
    for at in range(1, steps + 1):
        with Office(*STAGES).at_work() as here:
            here.host.lose_orchestrator(at, when)
            _live(here)
            assert here.status().output["status"] == "booked", f"{when} step {at}"
            assert here.kinds() == LEDGER, f"{when} step {at}"
            assert len(here.payables()) == 1
            assert {kind for kind, _ in here.told_kinds()} == {"request", "reminder", "decided"}
            assert _failed(here) == [], f"{when} step {at}"
    assert steps > 15, "so few steps cannot be all"


@pytest.mark.parametrize("when", ["before", "after", "half"])
def test_rejected_invoice_is_not_asked_for_again_after_a_loss(when: str) -> None:
    """A run that is lost while it takes back what it did goes on taking back: no second approval begins."""
    steps = _steps_of_a_whole_life()
    for at in range(max(1, steps - 10), steps + 4):
        with Office(*STAGES).at_work() as here:
            here.host.lose_orchestrator(at, when)
            _live(here, "reject")
            assert here.status().output["status"] == "rejected", f"{when} step {at}"
            assert here.kinds()[-2:] == ["reject", "closed"]
            assert here.payables() == []
            assert len({name.split("/")[1] for name in here.blobs.names("approvals/")}) == 1


def _steps_of_a_whole_life() -> int:
    with Office(*STAGES).at_work() as here:
        _live(here)
        assert here.kinds() == LEDGER
        return here.host.steps


def test_run_that_is_lost_again_and_again_is_stuck_and_says_so() -> None:
    """After the last pause nothing is started any more; the case has the reason and what can be done."""
    with Office(clerk()).at_work() as here:
        here.host.lose_orchestrator(1)
        here.bring()
        for _ in range(2 * len(PAUSES) + 2):
            here.host.lose_orchestrator(here.host.steps + 1)
            here.supervise()
            here.host.advance(hours=5)
        (case,) = here.cases()
        assert due(case) is None
        assert "exited with code 137" in case.reason
        assert here.supervise() == []


def test_person_who_starts_a_run_again_does_not_meet_its_living_part() -> None:
    """The approval of a run that failed still runs: it is ended first, then the run calls it anew."""
    with Office(clerk()).at_work() as here:
        here.bring()
        _get_stuck(here)
        assert here.status(APPROVAL).runtime_status == "Running"

        here.start_by_hand(INVOICE)
        here.host.advance(seconds=30)
        here.supervise()
        assert here.status().runtime_status == "Running"
        assert here.status().custom_status["phase"] == "approval"
        here.decide(ANN, "approve")
        assert here.status().output["status"] == "booked"
        assert here.kinds() == ["opened", "stage_opened", "approve", "closed", "booked"]


def test_run_whose_part_runs_says_that_it_is_about_to_start() -> None:
    """The host takes a while to end a part; the next look of the supervisor starts the run."""
    with Office(clerk()).at_work() as here:
        here.bring()
        _get_stuck(here)
        assert state(here.start_by_hand(INVOICE)) == "waiting"


def test_run_whose_part_has_ended_is_started_by_hand_at_once() -> None:
    """Nothing has to be waited for."""
    with Office(clerk()).at_work() as here:
        here.bring()
        _get_stuck(here)
        here.host.terminate(APPROVAL)
        assert state(here.start_by_hand(INVOICE)) == "running"
        here.decide(ANN, "approve")
        assert here.status().output["status"] == "booked"


def test_supervisor_ends_the_living_part_of_a_run_before_it_starts_it_again() -> None:
    """The approval goes on from its ledger: who has decided need not decide again."""
    with Office(clerk(quorum=2)).at_work() as here:
        here.bring()
        here.decide(ANN, "approve")
        _lose_the_run(here)
        here.recover()
        here.decide(BOB, "approve")
        assert here.status().output["status"] == "booked"
        assert here.kinds() == ["opened", "stage_opened", "approve", "approve", "closed", "booked"]


def test_damaged_route_keeps_no_other_run_from_its_start() -> None:
    """Somebody edited the blob of one invoice; the run of another is started again all the same."""
    other = names.invoice_id("2" * 64)
    with Office(clerk()).at_work() as here:
        for ref, text in ((INVOICE, "valid ACME 1 500.00"), (other, "valid ACME 2 500.00")):
            here.bring(text, ref=ref)
            _lose_the_run(here, ref)
        here.blobs.write(route_name(INVOICE), b"{")
        here.recover()
        assert here.status(other).custom_status["phase"] == "approval"


def _lose_the_run(here: Office, ref: str = INVOICE) -> None:
    """The run of an invoice is lost while its approval waits for people."""
    here.host.lose_orchestrator(here.host.steps + 1, "after")
    here.host.raise_event(ref, "anything", None)
    assert here.status(ref).runtime_status == "Failed"


def _get_stuck(here: Office) -> None:
    """The run of the invoice is lost while its approval waits, and the supervisor has given it up."""
    _lose_the_run(here)
    run = run_of(as_client_status(here.status()))
    assert run is not None
    case = case_of(supervising.failed_run(run), here.host.now, None)
    supervised.keep(here.blobs, case.model_copy(update={"restarts": len(PAUSES)}))
    assert here.supervise() == []


def test_run_that_is_gone_is_started_again_from_what_was_noted() -> None:
    """Somebody purged the task hub while people decide: the approval goes on from its ledger."""
    with Office(clerk(quorum=2)).at_work() as here:
        here.bring()
        here.deliver()
        here.decide(ANN, "approve")
        for instance in (INVOICE, APPROVAL):
            here.host.terminate(instance)
            here.host.purge(instance)
        assert [case.instance for case in here.supervise(gone=True)] == [INVOICE]
        here.host.advance(seconds=5)
        here.decide(BOB, "approve")
        assert here.status().output["status"] == "booked"
        assert here.kinds().count("approve") == 2


def test_work_that_has_ended_is_forgotten() -> None:
    """What was noted of it goes with the next slow look, and nothing is started."""
    with Office().at_work() as here:
        here.bring()
        assert here.blobs.names("open/") == [f"open/{INVOICE}.json"]
        assert here.supervise(gone=True) == []
        assert here.blobs.names("open/") == []


BATCH = "b" + "0" * 24
BATCH_JOB = {"batch": BATCH, "source": {"kind": "upload", "name": "may.zip"}}
SETTINGS = from_environment({"AzureWebJobsStorage": "unused"})


class Chunks(Work):
    """A batch whose rows stay: a chunk that is checked again by a later run finds them, as in the storage."""

    def check(self, job: dict[str, Any]) -> dict[str, Any]:
        first, _ = self.bounds(job)
        if job["again"] and first in self.done:
            return {"outcome": "ok", "counts": {"valid": 10}}
        return super().check(job)


@pytest.mark.parametrize("when", ["before", "after", "half"])
def test_batch_that_loses_any_step_ends_with_its_report(when: str) -> None:
    """Of the batch, its windows, chunks or report: all documents are in it, and none was set aside."""
    at, steps = 0, 1
    while at < steps:
        work = Chunks(3)
        blobs = MemoryBlobs()
        services_here = Services(SETTINGS, blobs, SayingChecker)
        with (
            Host([batch.bp, chunk.bp], activities=work.activities()) as host,
            services.replaced_by(services_here),
        ):
            at += 1
            host.lose_orchestrator(at, when)
            host.start("process_batch", BATCH_JOB, instance_id=BATCH)
            client = cast(df.DurableOrchestrationClient, HostClient(host))
            for _ in range(5):
                host.advance(seconds=5)
                asyncio.run(supervising.look(client, host.now, supervising.LONG_AGO))
            status = host.status(BATCH)
            assert status.output == {"status": "completed", "total": 30, "counts": {"valid": 30}}, at
            assert work.set_aside == []
            steps = host.steps
    assert steps > 10, "so few steps cannot be all"

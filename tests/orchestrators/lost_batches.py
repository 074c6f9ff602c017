"""Seeded worlds of batches whose workers die with steps: one of checking, one of approvals."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from datetime import timedelta
from typing import cast

import azure.durable_functions as df

from adapters import services
from adapters.services import Services
from adapters.settings import from_environment
from devhost.testing import Host
from invoicing.approval.deciding import DecisionRefused
from invoicing.approval.policy_file import parse
from orchestrators import batch, batch_approvals, chunk
from stores import approvals
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker
from tests.orchestrators import test_batch_approvals as paper
from tests.orchestrators.approval_kit import ANN, SUE, HostClient, Office, clerk, drive, sha256
from tests.orchestrators.approval_model import MOST_LOSSES, plan_loss
from tests.orchestrators.test_lost_steps import Chunks
from triggers import supervising
from usecases.wake_approval import wake

BATCH = paper.BATCH
BATCH_JOB = {"batch": BATCH, "source": {"kind": "upload", "name": "may.zip"}}
SETTINGS = from_environment({"AzureWebJobsStorage": "unused"})
#: Below 600 euros nobody is asked; from there on Ann is, for two days.
POLICY = {
    "version": 1,
    "people": {ANN: {"name": "Ann"}},
    "rules": [
        {"name": "small", "when": {"currency": ["EUR"], "amount_below": "600.00"}, "stages": []},
        {"name": "all", "when": {}, "stages": [clerk(approvers=[ANN], expire_after="P2D")]},
    ],
}


class CheckedBatch:
    """A batch of 40 documents is checked while workers die; `trace` says what was planned."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.trace: list[str] = []

    def run(self) -> None:
        """It ends with its report: every document is in it, and none was set aside."""
        work = Chunks(4)
        here = Services(SETTINGS, MemoryBlobs(), SayingChecker)
        with (
            Host([batch.bp, chunk.bp], activities=work.activities(), seed=self.seed) as host,
            services.replaced_by(here),
        ):
            client = cast(df.DurableOrchestrationClient, HostClient(host))
            self.trace.append(plan_loss(host, self.rng))
            host.start("process_batch", BATCH_JOB, instance_id=BATCH)
            for turn in range(12):
                if turn < 4:
                    self.trace.append(plan_loss(host, self.rng))
                host.advance(minutes=6)
                asyncio.run(supervising.look(client, host.now, supervising.LONG_AGO))
            status = host.status(BATCH)
            assert status.output == {"status": "completed", "total": 40, "counts": {"valid": 40}}
            assert work.set_aside == []


class DecidedBatch:
    """The invoices of a batch are booked by policy, rejected, or expire, while workers die."""

    COUNT = 20
    #: Valid ones: those of 100 to 500 euros need nobody, the others Ann.
    SMALL = 5
    LARGE = 13

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.office = Office(seed=seed)
        self.office.policy = parse(json.dumps(POLICY).encode())
        self.trace: list[str] = []
        self._losses = 0

    def run(self) -> None:
        """Each invoice has one end, which its ledger tells; the batch counts them all."""
        with self.office.at_work():
            paper._store(self.office, self.COUNT)
            self._lose()
            job = {"batch": BATCH, "sender": SUE}
            self.office.host.start("batch_approvals", job, instance_id=f"{BATCH}-approvals")
            for _ in range(10):
                self._lose()
                self._let_time_pass(batch_approvals.PACE)
                self._decide()
            for _ in range(8):
                self._let_time_pass(timedelta(minutes=20))
            for _ in range(3):
                self._let_time_pass(timedelta(days=1))
            self.check()

    def _lose(self) -> None:
        """Plan a loss, mostly. A run that is lost seven times in a row is stuck, which is another test's."""
        if self._losses < MOST_LOSSES and self.rng.random() < 0.7:
            self._losses += 1
            self.trace.append(plan_loss(self.office.host, self.rng))

    def _let_time_pass(self, time: timedelta) -> None:
        self.office.deliver()
        self.office.host.advance(time)
        for case in self.office.supervise():
            self.trace.append(f"started again: {case.orchestrator}")
        self.office.sweep()

    def _decide(self) -> None:
        """Ann rejects one; sometimes the event is lost with her request."""
        for item in approvals.inbox(self.office.blobs)[:1]:
            ref = item.ref.rpartition("/")[2]
            with suppress(DecisionRefused):
                self.office.write(ANN, "reject", item.approval, sha256=sha256(ref), stage="clerk")
            self.trace.append(f"{ref} is rejected")
            if self.rng.random() < 0.7:
                drive(wake(self.office.client, item.approval))

    def check(self) -> None:
        """The invariants. Raises AssertionError."""
        output = self.office.status(f"{BATCH}-approvals").output
        ledgers = {name.split("/")[1] for name in self.office.blobs.names("approvals/")}
        kinds = [self.office.kinds(approval) for approval in sorted(ledgers)]
        rejected = sum(entries == ["opened", "stage_opened", "reject", "closed"] for entries in kinds)
        expired = sum(entries == ["opened", "stage_opened", "expiry", "closed"] for entries in kinds)
        assert rejected + expired == self.LARGE, kinds
        expected = {"booked": self.SMALL, "rejected": rejected, "expired": expired}
        assert output["counts"] == {name: count for name, count in expected.items() if count}
        assert len(self.office.payables()) == self.SMALL
        # A part whose id the host made stays Failed: a new one was called for it.
        runs = [run for run in self.office.host.instances() if ":" not in run.instance_id]
        assert [run.instance_id for run in runs if run.runtime_status == "Failed"] == []

"""Taking in batches and invoices: once for equal requests, again where nothing came of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters.services import Services
from invoicing.approval.policy import PolicyInvalid
from invoicing.records.base import BatchId
from invoicing.records.batch import BatchSource
from invoicing.records.invoice_steps import PROCESS_INVOICE
from stores import supervised
from tests.unit.approvals_on_paper import ANN
from tests.unit.page_requests import Client, local_run, status
from usecases.batch_status import read_batch
from usecases.refusals import NotAsAsked, NotNow, Unknown
from usecases.stop_batch import ask_to_stop, is_asked_to_stop
from usecases.take_in_batch import NewBatch, take_in_batch
from usecases.take_in_invoice import NewInvoice, take_in_invoice

INVOICE = NewInvoice("i" + "1" * 24, "one", "re-1.xml", b"<Invoice/>", "ab" * 32)
BATCH = NewBatch(BatchId("b" + "1" * 24), "one", BatchSource("upload", "may.zip", size=3), b"zip")


class Hub(Client):
    """A task hub that starts runs, and keeps how often and with what."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[tuple[str, str, Any]] = []

    async def start_new(self, name: str, instance_id: str, value: Any = None) -> str:
        self.started.append((name, instance_id, value))
        self.statuses[instance_id] = status(instance_id, name=name)
        return instance_id

    def ended(self, instance: str, word: str) -> None:
        """The run has said how it ended."""
        self.statuses[instance] = status(instance, runtime_status=Runtime.Completed, output={"status": word})


async def _invoice(services: Services, hub: Any, new: NewInvoice = INVOICE) -> str:
    return (await take_in_invoice(services, hub, new, ANN)).state


async def test_equal_requests_start_one_run() -> None:
    """The second one finds it, with the record of the first."""
    hub: Any = Hub()
    with local_run() as services:
        first = await take_in_invoice(services, hub, INVOICE, ANN)
        second = await take_in_invoice(services, hub, replace(INVOICE, name="other.xml"), None)
    assert (first.record.name, first.record.sender) == (second.record.name, second.record.sender)
    assert [name for name, _, _ in hub.started] == [PROCESS_INVOICE.name]


async def test_a_key_that_came_with_something_else_starts_nothing() -> None:
    """The caller is told, whether it is a batch or an invoice."""
    hub: Any = Hub()
    with local_run() as services:
        await take_in_invoice(services, hub, INVOICE, ANN)
        await take_in_batch(services, hub, BATCH, ANN)
        with pytest.raises(NotAsAsked, match="another document"):
            await take_in_invoice(services, hub, replace(INVOICE, fingerprint="two"), ANN)
        with pytest.raises(NotAsAsked, match="another request"):
            await take_in_batch(services, hub, replace(BATCH, fingerprint="two"), ANN)
    assert len(hub.started) == 2


@pytest.mark.parametrize(("word", "runs"), [("failed", 2), ("set_aside", 2), ("booked", 1), ("rejected", 1)])
async def test_an_invoice_of_which_nothing_came_is_started_again(word: str, runs: int) -> None:
    """Not one that people or the books have settled."""
    hub: Any = Hub()
    with local_run() as services:
        assert await _invoice(services, hub) == "running"
        hub.ended(INVOICE.invoice, word)
        assert await _invoice(services, hub) == ("running" if runs == 2 else word)
    assert len(hub.started) == runs


async def test_the_work_is_noted_before_the_run_is_started() -> None:
    """Otherwise nobody would know of a run that was lost at once."""

    class Refusing(Hub):
        async def start_new(self, name: str, instance_id: str, value: Any = None) -> str:
            raise ConnectionError("the host went away")

    hub: Any = Refusing()
    with local_run() as services:
        with pytest.raises(ConnectionError):
            await take_in_batch(services, hub, BATCH, ANN)
        noted = supervised.work_of(services.blobs, BATCH.batch)
    assert noted is not None
    assert noted.input["sender"] == ANN


async def test_nothing_is_kept_where_nobody_could_approve(tmp_path: Path) -> None:
    """But a batch that is only checked needs no policy."""
    hub: Any = Hub()
    with local_run() as run:
        services = replace(run, settings=replace(run.settings, policy_file=tmp_path / "none.json"))
        with pytest.raises(PolicyInvalid):
            await take_in_batch(services, hub, BATCH, ANN)
        with pytest.raises(Unknown):
            await asyncio.to_thread(read_batch, services.blobs, BATCH.batch)
        assert (await take_in_batch(services, hub, replace(BATCH, approval=False), ANN)).state == "running"


async def test_a_batch_is_stopped_while_it_runs_and_not_afterwards() -> None:
    """And a wish from before does not stop its next run."""
    hub: Any = Hub()
    with local_run() as services:
        with pytest.raises(Unknown):
            await ask_to_stop(hub, services.blobs, BATCH.batch)
        await take_in_batch(services, hub, BATCH, ANN)
        await ask_to_stop(hub, services.blobs, BATCH.batch)
        assert await is_asked_to_stop(services.blobs, BATCH.batch)

        hub.ended(BATCH.batch, "stopped")
        with pytest.raises(NotNow, match="it is stopped"):
            await ask_to_stop(hub, services.blobs, BATCH.batch)
        assert (await take_in_batch(services, hub, BATCH, ANN)).state == "running"
        assert not await is_asked_to_stop(services.blobs, BATCH.batch)

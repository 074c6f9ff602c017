"""A yard: a container that people put blobs into, and sweeps of it with the real steps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import azure.durable_functions as df

from activities import sweep_steps
from adapters import policies, services
from adapters.services import Services
from adapters.settings import Settings, from_environment
from adapters.sweep_settings import SweepSettings
from devhost.testing import Host
from invoicing.archive import Limits
from invoicing.records.batch_steps import PROCESS_BATCH
from orchestrators import sweep
from stores import supervised
from stores.batch_sources import open_source
from stores.batches import BatchStore
from stores.blobs import Blobs
from tests.fakes.memory_blobs import MemoryBlobs
from tests.fakes.saying_checker import SayingChecker
from tests.orchestrators.approval_kit import CURRENT, HostClient, clerk, policy_of
from triggers import supervising
from usecases.start_sweep import start_sweep, take_at_once

APP = [sweep.bp, sweep_steps.bp]
INBOX = "inbox"


class Yard:
    """`inbox`: the container of the senders. `blobs`: the app's own. `queue`: batches to be started."""

    def __init__(
        self,
        settings: SweepSettings | None = None,
        limits: Limits | None = None,
        blobs: MemoryBlobs | None = None,
        **host: Any,
    ) -> None:
        self.inbox, self.blobs = MemoryBlobs(), blobs or MemoryBlobs()
        self.queue: list[tuple[str, str, Any]] = []
        made = from_environment({"AzureWebJobsStorage": "unused"})
        self.settings: Settings = replace(
            made, sweep=settings or SweepSettings(), limits=limits or made.limits, policy_file=Path("none")
        )
        host.setdefault("default_version", CURRENT)
        self.host = Host(APP, **host)

    @contextmanager
    def at_work(self) -> Iterator[Yard]:
        """The services are this yard's inside of the block."""
        here = Services(
            self.settings,
            self.blobs,
            SayingChecker,
            self._enqueue,
            open_container=lambda settings, name: self._container(name),
            clock=lambda: self.host.now,
        )
        load, policies.load = policies.load, lambda settings: policy_of(clerk())
        try:
            with services.replaced_by(here):
                yield self
        finally:
            policies.load = load
            self.host.close()

    def _enqueue(self, settings: Settings, orchestrator: str, instance: str, value: Any) -> None:
        self.queue.append((orchestrator, instance, value))

    def _container(self, name: str) -> Blobs:
        assert name == INBOX
        return self.inbox

    # ------------------------------------------------------------ what happens

    @property
    def client(self) -> df.DurableOrchestrationClient:
        """The durable client."""
        return cast(df.DurableOrchestrationClient, HostClient(self.host))

    def put(self, *names: str, text: str = "valid ACME {name}") -> None:
        """Senders put blobs into the container, over older ones of the same names."""
        for name in names:
            self.inbox.write(name, text.format(name=name).encode())

    def sweep(self) -> str | None:
        """The timer comes by; it never does twice in a moment."""
        self.host.advance(seconds=1)
        return asyncio.run(start_sweep(services.current(), self.client))

    def at_once(self, name: str) -> str | None:
        """The blob trigger tells of a blob."""
        return asyncio.run(take_at_once(services.current(), self.client, name))

    def finish(self, sweep: str | None) -> Any:
        """A sweep goes on to its end; returns what became of it."""
        assert sweep is not None
        return self.host.finish(sweep).output

    def supervise(self, *, gone: bool = False) -> None:
        """The supervisor comes by."""
        if gone:
            asyncio.run(supervising.supervise.restart_gone(self.blobs, self.client, self.host.now))
        else:
            asyncio.run(supervising.look(self.client, self.host.now, supervising.LONG_AGO))

    # ------------------------------------------------------------ what came of it

    def batches(self) -> list[str]:
        """The batches that were started, each once."""
        assert {name for name, _, _ in self.queue} <= {PROCESS_BATCH.name}
        found = list(dict.fromkeys(instance for _, instance, _ in self.queue))
        assert all(BatchStore(self.blobs).exists(batch) for batch in found)
        assert all(supervised.is_noted(self.blobs, batch) for batch in found)
        return found

    def documents(self, batch: str) -> list[tuple[str, str]]:
        """Name and content of each document of a batch, by its number; the content is the reason where it was
        not taken. Their numbers have no gap.
        """
        source, manifest = open_source(self.blobs, batch), BatchStore(self.blobs).manifest(batch)
        found: dict[int, tuple[str, str]] = {}
        for chunk in range(manifest.chunks):
            content = source.read(chunk)
            found |= {one.n: (one.name, one.content.decode()) for one in content.documents}
            found |= {row.n: (row.name, row.findings[0].rule) for row in content.refused}
            assert {row.n for row in content.refused} <= set(manifest.refused)
        assert sorted(found) == list(range(1, manifest.documents + 1))
        return [found[n] for n in sorted(found)]

    def taken(self) -> Counter[tuple[str, str]]:
        """How often each version of each blob is in a batch."""
        return Counter(one for batch in self.batches() for one in self.documents(batch))

"""Lists of calls on the in-process host: real workflow, activity, entity and hosts; blobs in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from activities import calling
from adapters import services
from adapters.outgoing_settings import OutgoingSettings
from adapters.resolving import Resolve, system_addresses
from adapters.services import Services
from adapters.settings import from_environment
from devhost.testing import Host
from entities import api_host
from invoicing.calls.asked import requests_of
from invoicing.outgoing.targets import CallPolicy
from invoicing.records.api_calls import (
    API_CALLS,
    CallAsked,
    CallLimits,
    CallResult,
    CallsJob,
    CallsRecord,
    HostWork,
)
from invoicing.records.supervision import OpenWork
from orchestrators import api_calls
from stores import supervised
from stores.call_lists import CallStore
from tests.fakes.memory_blobs import MemoryBlobs

LIST = "c" + "1" * 24
SECRET = "hush-hush-123456"
POLICY = CallPolicy(
    hosts=("127.0.0.1", "api.example.com", "*.example.org"),
    http=True,
    loopback=True,
    secret_hosts={"ERP": ("127.0.0.1",)},
)
BLUEPRINTS = (api_calls.bp, api_host.bp, calling.bp)


class Calls:
    """One app that makes lists of calls."""

    def __init__(
        self, state: Path | None = None, version: str = "1.1", resolve: Resolve = system_addresses
    ) -> None:
        self.blobs = MemoryBlobs()
        self.host = Host(BLUEPRINTS, state=state, default_version=version)
        settings = from_environment({"AzureWebJobsStorage": "unused"})
        outgoing = OutgoingSettings(POLICY, {"ERP": SECRET})
        self.services = Services(
            replace(settings, outgoing=outgoing),
            self.blobs,
            _no_checker,
            clock=lambda: self.host.now,
            resolve=resolve,
        )
        self.store = CallStore(self.blobs)
        self.noted: Any = None

    @contextmanager
    def at_work(self) -> Iterator[Calls]:
        """The activities use this app's services in the block."""
        with services.replaced_by(self.services):
            try:
                yield self
            finally:
                self.host.close()

    def take_in(self, calls: Sequence[dict[str, Any]], **limits: int) -> CallsJob:
        """Store a list as the API does; returns what its run is started with."""
        asked = tuple(CallAsked.model_validate(call) for call in calls)
        requests = requests_of(asked, POLICY)
        bounds = CallLimits.model_validate(limits)
        deadline = self.host.now + timedelta(seconds=bounds.deadline_seconds)
        record = CallsRecord(
            calls=LIST, created=self.host.now, deadline=deadline, fingerprint="", total=len(requests)
        )
        self.store.create(record)
        self.store.prepare(LIST, requests)
        hosts = Counter(request.host for request in requests)
        job = CallsJob(
            calls=LIST,
            total=len(requests),
            deadline=deadline,
            limits=bounds,
            host_most=50,
            hosts={host: HostWork(left=left) for host, left in hosts.items()},
        )
        self.noted = written = API_CALLS.written_input(job)
        supervised.note(self.blobs, OpenWork(instance=LIST, orchestrator=API_CALLS.name, input=written))
        return job

    def start(self, calls: Sequence[dict[str, Any]], **limits: int) -> str:
        """Take in a list and start its run, which goes on until it waits."""
        job = self.take_in(calls, **limits)
        return self.host.start(API_CALLS.name, API_CALLS.written_input(job), instance_id=LIST)

    def finish(self) -> Any:
        """Skip to the end of the list; returns what its run said."""
        return self.host.finish(LIST).output

    def results(self) -> dict[int, CallResult]:
        """The newest line of each call that was made."""
        state = self.store.state(LIST, 0)
        return dict(self.store.results(LIST, state, 1, len(state.calls)))


def _no_checker() -> Any:
    raise AssertionError("nothing is checked here")

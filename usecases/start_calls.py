"""Taking in a list of calls: it is checked as a whole, stored, and its run is started."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import azure.durable_functions as df

from adapters.services import Services
from invoicing.calls.asked import ListRefused, requests_of
from invoicing.records.answers.api_calls import ENDED
from invoicing.records.api_calls import (
    API_CALLS,
    CallLimits,
    CallRequest,
    CallsAsked,
    CallsJob,
    CallsRecord,
    HostWork,
)
from invoicing.records.supervision import OpenWork
from stores.call_lists import CallStore
from usecases.calls_status import calls_state, read_calls
from usecases.refusals import NotAsAsked
from usecases.start_or_find import Intake, TakenIn, start_or_find
from usecases.subscribe import subscribe


@dataclass(frozen=True)
class NewCalls:
    """A list that somebody asks for. `calls`: the id that it gets. `fingerprint`: hash of what was sent.

    `callback_url`: who is told of the end; it was checked.
    """

    calls: str
    fingerprint: str
    asked: CallsAsked
    callback_url: str | None = None


async def start_calls(
    services: Services, client: df.DurableOrchestrationClient, new: NewCalls
) -> TakenIn[CallsRecord]:
    """Take in a list. Raises NotAsAsked where a call is not allowed: then none is stored, nor made."""
    requests = _checked(services, new.asked)
    now = services.clock()
    record = CallsRecord(
        calls=new.calls,
        created=now,
        deadline=now + timedelta(seconds=new.asked.limits.deadline_seconds),
        fingerprint=new.fingerprint,
        total=len(requests),
    )
    store = CallStore(services.blobs)
    most = services.settings.outgoing.per_host

    def prepare(kept: CallsRecord) -> None:
        store.prepare(kept.calls, requests)
        if new.callback_url is not None:
            subscribe(services, "calls", new.calls, new.callback_url)

    taken = await start_or_find(
        client,
        services.blobs,
        Intake(
            record=record,
            create=lambda: store.create(record),
            read=lambda: read_calls(services.blobs, new.calls),
            prepare=prepare,
            work=_work_of(record, new.asked.limits, requests, most),
            restarted_from=frozenset({"missing", "failed"}),
            reused="This Idempotency-Key was used for another list. Use a new key for a new list.",
        ),
    )
    if new.callback_url is not None:
        runs = calls_state(taken.state) not in ENDED
        await asyncio.to_thread(subscribe, services, "calls", new.calls, new.callback_url, runs=runs)
    return taken


def fingerprint_of(body: bytes) -> str:
    """The hash of a list as it was sent."""
    return hashlib.sha256(body).hexdigest()


def _checked(services: Services, asked: CallsAsked) -> tuple[CallRequest, ...]:
    try:
        return requests_of(asked.calls, services.settings.outgoing.policy)
    except ListRefused as error:
        told = {str(problem.n): f"{problem.code}: {problem.text}" for problem in error.problems}
        raise NotAsAsked(error.code, error.text, told or None) from error


def _work_of(
    record: CallsRecord, limits: CallLimits, requests: tuple[CallRequest, ...], most: int
) -> OpenWork:
    hosts = Counter(request.host for request in requests)
    job = CallsJob(
        calls=record.calls,
        total=record.total,
        deadline=record.deadline,
        limits=limits,
        host_most=most,
        hosts={host: HostWork(left=left) for host, left in hosts.items()},
    )
    return OpenWork(instance=record.calls, orchestrator=API_CALLS.name, input=API_CALLS.written_input(job))

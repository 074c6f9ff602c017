"""How far a list of calls is, its results, and stopping it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast, get_args

import azure.durable_functions as df

from invoicing.calls import judging
from invoicing.records.answers.api_calls import ENDED, CallsState
from invoicing.records.api_calls import CallCounts, CallRequest, CallResult, CallsRecord, CallState
from invoicing.records.api_calls import CallsState as Kept
from invoicing.records.problem import Problem
from stores.blobs import BlobMissing, Blobs
from stores.call_lists import CallStore
from usecases.problems import problem_of
from usecases.reading import KeptReading, SharedReading
from usecases.refusals import NotNow, Unknown
from usecases.run_status import status_of

_ID = re.compile(r"c[0-9a-f]{24}")


@dataclass(frozen=True)
class CallsSeen:
    """A list as it is now."""

    record: CallsRecord
    state: CallsState
    counts: CallCounts
    error: Problem | None


@dataclass(frozen=True)
class CallSeen:
    """One call as it is now; `result` is None where it was not made yet."""

    n: int
    name: str
    done: bool
    result: CallResult | None


def read_calls(blobs: Blobs, calls: str) -> CallsRecord:
    """What was written down when a list was taken in. Raises Unknown and RecordDamaged."""
    if not _ID.fullmatch(calls):
        raise _unknown()
    try:
        return CallStore(blobs).record(calls)
    except BlobMissing as error:
        raise _unknown() from error


def _unknown() -> Unknown:
    return Unknown("unknown_calls", "There is no list of calls of this id.")


def _progress(blobs: Blobs, calls: str) -> tuple[CallCounts, bool]:
    return CallStore(blobs).progress(calls)


#: For the status, which is asked for again and again; see `usecases.batch_status`.
_progress_now = SharedReading(_progress)
_record_of = KeptReading(read_calls)


async def calls_status(client: df.DurableOrchestrationClient, blobs: Blobs, calls: str) -> CallsSeen:
    """How far a list is. Raises Unknown and RecordDamaged."""
    if not _ID.fullmatch(calls):
        raise _unknown()
    run = await status_of(client, blobs, calls)
    record = await _record_of(blobs, calls, lasts=run.state == "running")
    counts, is_stopped = await _progress_now(blobs, calls)
    state = calls_state(run.state)
    if state == "running" and is_stopped:
        state = "stopping"
    error = problem_of(run, "The list failed; the log has the details.") if state == "failed" else None
    return CallsSeen(record, state, counts, error)


async def results_of(
    client: df.DurableOrchestrationClient, blobs: Blobs, calls: str, first: int, last: int
) -> tuple[CallsSeen, list[CallSeen]]:
    """What came of calls `first` to `last` so far, in order. Raises Unknown and RecordDamaged."""
    seen = await calls_status(client, blobs, calls)
    return seen, await asyncio.to_thread(_results, blobs, seen.record, first, last)


def answer_of(blobs: Blobs, calls: str, n: int) -> bytes:
    """A large answer. Raises Unknown."""
    read_calls(blobs, calls)
    try:
        return CallStore(blobs).answer(calls, n)
    except BlobMissing as error:
        text = f"There is no large answer of call {n}. Small ones stand in the results."
        raise Unknown("unknown_answer", text) from error


async def stop_calls(client: df.DurableOrchestrationClient, blobs: Blobs, calls: str) -> CallsRecord:
    """Ask that a list be stopped: calls under way are ended, no more are made. Raises Unknown and NotNow."""
    record = await asyncio.to_thread(read_calls, blobs, calls)
    run = await status_of(client, blobs, calls)
    if run.state in ENDED:
        raise NotNow("calls_ended", f"The list has ended already: it is {run.state}.")
    await asyncio.to_thread(CallStore(blobs).ask_to_stop, calls)
    return record


def calls_state(word: str) -> CallsState:
    """The state that a word of a run says; one that is not ours is an end like any other."""
    return cast(CallsState, word) if word in get_args(CallsState) else "completed"


def _results(blobs: Blobs, record: CallsRecord, first: int, last: int) -> list[CallSeen]:
    store = CallStore(blobs)
    state = store.state(record.calls, record.total)
    requests = store.requests(record.calls)
    made = store.results(record.calls, state, first, last)
    numbers = range(first, min(last, record.total) + 1)
    return [_seen(n, requests[n - 1], state, made) for n in numbers]


def _seen(n: int, request: CallRequest, state: Kept, made: Mapping[int, CallResult]) -> CallSeen:
    one: CallState = state.calls[n - 1]
    result = made.get(n)
    if result is None and one.done:
        result = judging.not_called(n, request.name, state.ended)
    return CallSeen(n, request.name, one.done, result)

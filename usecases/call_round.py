"""One round of a list of calls: those that are due, to hosts that have slots, so many at the same time.

What came of them is written every few seconds, results first, then the state that names them. A round that
dies is done again: calls since the last writing are then made twice, those that change something with the key
that they had before.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from datetime import datetime, timedelta

from adapters.outgoing import Caller
from adapters.services import Services
from invoicing.calls import judging, retries
from invoicing.calls.host_state import FAILURES
from invoicing.records.api_calls import (
    INLINE,
    CallCounts,
    CallRequest,
    CallResult,
    CallsState,
    CallState,
    Ended,
    HostDone,
    HostGrant,
    RoundDone,
    RoundJob,
)
from invoicing.records.outgoing import OutgoingAnswer, OutgoingRequest
from stores import supervised
from stores.blobs import StorageError
from stores.call_lists import CallStore

#: Seconds in which a round begins calls; what is not begun then is for the next one.
ROUND_SECONDS = 30.0
#: Seconds between two writings of what is done.
SAVE_SECONDS = 5.0
#: A busy host that does not say when is left alone so long.
BUSY_PAUSE = timedelta(seconds=2)


async def call_round(services: Services, job: RoundJob) -> RoundDone:
    """Make the calls that are due, or end the list where its time is over or it is to be stopped.

    Raises what the storage raises, BlobMissing and RecordDamaged; never for what a host does.
    """
    round_ = _Round(services, job)
    await round_.load()
    why = await round_.end_of_list()
    if why == "":
        async with Caller(services.settings.outgoing, services.resolve) as caller:
            await round_.make_calls(caller)
        why = await round_.end_of_list()
    await round_.save(why)
    if why:
        await asyncio.to_thread(supervised.forget, services.blobs, job.calls)
    return round_.done(why)


class _Host:
    """What this round learns of one host."""

    def __init__(self, grant: HostGrant) -> None:
        self.slots = asyncio.Semaphore(max(grant.slots, 1))
        self.left = 1 if grant.probe else None if grant.slots else 0
        self.answered = False
        self.failures = 0
        self.pause: datetime | None = None

    def may_begin(self) -> bool:
        """Whether one more call may be begun; counts it where a host is only looked at."""
        if self.left == 0 or self.pause is not None or self.failures >= FAILURES:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def learn(self, answer: OutgoingAnswer, wish: datetime | None, now: datetime) -> None:
        """Take in one answer."""
        if answer.outcome == "refused":
            return
        if retries.is_failure_of_host(answer):
            self.failures += 1
        else:
            self.answered, self.failures = True, 0
        if wish is None and answer.outcome == "answered" and answer.status in retries.BUSY:
            wish = now + BUSY_PAUSE
        if wish is not None and (self.pause is None or wish > self.pause):
            self.pause = wish


class _Round:
    def __init__(self, services: Services, job: RoundJob) -> None:
        self._services, self._job = services, job
        self._store = CallStore(services.blobs)
        self._hosts = {host: _Host(grant) for host, grant in job.grants.items()}
        self._together = asyncio.Semaphore(job.limits.parallel)
        self._begun = time.monotonic()
        self._new: dict[int, CallResult] = {}
        self._saving = asyncio.Lock()
        self._ends_early = False

    async def load(self) -> None:
        """Read what is asked for and how far it is."""
        calls = self._job.calls
        self._requests = await asyncio.to_thread(self._store.requests, calls)
        kept = await asyncio.to_thread(self._store.state, calls, len(self._requests))
        self._states, self._parts = list(kept.calls), kept.parts
        self._ended: Ended = kept.ended
        self._kept = list(kept.calls)
        self._now = self._services.clock()
        self._seconds = max((self._job.deadline - self._now).total_seconds(), 0.0)

    async def end_of_list(self) -> Ended:
        """Why nothing more is called; "" where something is."""
        if self._ended or all(state.done for state in self._states):
            return self._ended or "completed"
        if self._job.is_over or self._clock() >= self._job.deadline:
            return "deadline"
        is_stopped = await asyncio.to_thread(self._store.is_asked_to_stop, self._job.calls)
        return "stopped" if is_stopped else ""

    async def make_calls(self, caller: Caller) -> None:
        """Make the calls that are due, and write what came of them now and then."""
        due = [n for n, state in enumerate(self._states, 1) if self._is_due(n, state)]
        if not due:
            return
        ended = asyncio.Event()
        saver = asyncio.create_task(self._save_now_and_then(ended))
        try:
            async with asyncio.TaskGroup() as group:
                for n in due:
                    group.create_task(self._call(caller, n))
        except ExceptionGroup as group:
            # What was answered is written if that can be, and the error keeps its type.
            with contextlib.suppress(StorageError):
                await self.save()
            raise group.exceptions[0] from None
        finally:
            ended.set()  # a writing that is under way is not broken off: the next one would come in between
            await saver

    async def save(self, why: Ended = "") -> None:
        """Write what came of the calls since the last time. `why`: nothing more is called.

        Calls go on meanwhile, so only the states of those are written whose results were.
        """
        async with self._saving:
            new, self._new = self._new, {}
            part = self._parts
            if new:
                self._parts += 1  # what is answered from now on is for the next part
            for n in new:
                self._kept[n - 1] = self._states[n - 1]
            if why and not self._ended:
                self._kept = [judging.given_up(state) for state in self._kept]
                self._states = self._kept
                self._ended = why
            elif not new:
                return
            try:
                await asyncio.to_thread(self._write, part, new)
            except StorageError:
                for n in new.keys() - self._new.keys():
                    self._states[n - 1] = self._states[n - 1].model_copy(update={"part": self._parts})
                self._new = new | self._new
                raise

    def _write(self, part: int, new: dict[int, CallResult]) -> None:
        if new:
            self._store.keep_part(self._job.calls, part, new.values())
        state = CallsState(parts=self._parts, ended=self._ended, calls=tuple(self._kept))
        self._store.keep(self._job.calls, state, self._counts())

    def done(self, why: Ended) -> RoundDone:
        """How far the list is; what a host did is told at the end too."""
        state = "going" if not why else "stopped" if why == "stopped" else "completed"
        return RoundDone(state=state, counts=self._counts(), hosts=self._left())

    # ------------------------------------------------------------ one call

    async def _call(self, caller: Caller, n: int) -> None:
        request = self._requests[n - 1]
        host = self._hosts[request.host]
        async with host.slots, self._together:
            if self._is_over() or not host.may_begin():
                return
            answer = await caller.send(self._outgoing(n, request))
        now = self._clock()
        wish = retries.wish_of(answer, now)
        host.learn(answer, wish, now)
        await self._take_in(n, request, answer, wish, now)

    async def _take_in(
        self, n: int, request: CallRequest, answer: OutgoingAnswer, wish: datetime | None, now: datetime
    ) -> None:
        if len(answer.body) > INLINE:
            await asyncio.to_thread(self._store.keep_answer, self._job.calls, n, answer.body)
        before = self._states[n - 1]
        chance = retries.chance_of(self._job.seed, n, before.attempts)
        state, result = judging.taken_in(
            request,
            n,
            before,
            answer,
            attempts=self._job.limits.attempts,
            again=retries.again_at(now, before.attempts + 1, wish, chance),
            part=self._parts,
        )
        self._states[n - 1], self._new[n] = state, result

    def _outgoing(self, n: int, request: CallRequest) -> OutgoingRequest:
        headers = dict(request.headers)
        if request.method in judging.CHANGING and not any(
            name.lower() == "idempotency-key" for name in headers
        ):
            headers["Idempotency-Key"] = judging.idempotency_key(self._job.calls, n)
        rest = max(self._seconds - self._passed(), 0.001)
        return OutgoingRequest(
            method=request.method,
            url=request.url,
            headers=headers,
            body=request.body.encode(),
            timeout_seconds=min(request.timeout_seconds, rest),
        )

    def _is_due(self, n: int, state: CallState) -> bool:
        if state.done or self._requests[n - 1].host not in self._hosts:
            return False
        return state.due is None or state.due <= self._now

    # ------------------------------------------------------------ time, writing, counting

    def _passed(self) -> float:
        return time.monotonic() - self._begun

    def _is_over(self) -> bool:
        return self._ends_early or self._passed() >= min(ROUND_SECONDS, self._seconds)

    def _clock(self) -> datetime:
        return self._services.clock()

    async def _save_now_and_then(self, ended: asyncio.Event) -> None:
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), SAVE_SECONDS)
                return
            with contextlib.suppress(StorageError):  # the writing at the end says so
                await self.save()
                if await asyncio.to_thread(self._store.is_asked_to_stop, self._job.calls):
                    self._ends_early = True

    def _counts(self) -> CallCounts:
        return dict(Counter(state.outcome for state in self._kept if state.done and state.outcome))

    def _left(self) -> dict[str, HostDone]:
        """What is left of each host that was called in this round, or has calls left."""
        dues: dict[str, list[datetime | None]] = {host: [] for host in self._hosts}
        for request, state in zip(self._requests, self._states, strict=True):
            if not state.done:
                dues.setdefault(request.host, []).append(state.due)
        return {host: self._work(host, some) for host, some in dues.items()}

    def _work(self, host: str, dues: list[datetime | None]) -> HostDone:
        soonest = None if None in dues else min((due for due in dues if due), default=None)
        learnt = self._hosts.get(host)
        if learnt is None:
            return HostDone(left=len(dues), due=soonest)
        return HostDone(
            left=len(dues),
            due=soonest,
            answered=learnt.answered,
            failures=learnt.failures,
            pause=learnt.pause or (self._clock() + BUSY_PAUSE if learnt.failures >= FAILURES else None),
        )

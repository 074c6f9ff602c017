"""The engine of durable orchestrations, as the rest of the host sees it.

Requests may come from any thread; each is answered when it is on disk. The work itself is done by one
thread (`devhost.engine.core`), which wakes on events and never polls. Without `start` there is no thread:
requests are carried out in the thread of the caller, and `run_until_idle` does the rest, which gives tests a
fixed order.
"""

from __future__ import annotations

import functools
import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from devhost import timestamps
from devhost.app.settings import DurableSettings
from devhost.clock import Clock, VirtualClock
from devhost.engine.chance import Chance
from devhost.engine.core import Core
from devhost.engine.durable_http import HttpSender, ThreadedHttpSender
from devhost.engine.faults import HostCrash
from devhost.engine.loop import Call
from devhost.engine.mailboxes import Message
from devhost.engine.models import (
    EntityFilter,
    EntityPage,
    EntityStatus,
    InstanceFilter,
    InstanceStatus,
    Page,
    RuntimeStatus,
)
from devhost.engine.ports import Catalog, Runner, StepRunner
from devhost.engine.requests import Requests
from devhost.engine.starting import Starter
from devhost.errors import EngineStopped
from devhost.orchestration.episode import Decider
from devhost.orchestration.history import fold
from devhost.orchestration.plain_replay import PlainReplay
from devhost.state.records import entity_id, split_entity_id
from devhost.state.store import Store

__all__ = ["Engine", "HostCrash"]


class Engine:
    """Runs orchestrations, activities and entities durably.

    ``http`` makes durable HTTP calls (default: real ones). ``chance`` decides what is left open; a seeded one
    gives a test another order. ``decider`` makes what decides episodes out of a plain replay (default: just
    that). With a ``step_runner`` orchestrators and entities run there; ``decider``, and what ``runner`` has
    for them, is not used then. The store is not closed by the engine.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        runner: Runner,
        catalog: Catalog,
        settings: DurableSettings,
        http: HttpSender | None = None,
        logger: logging.Logger | None = None,
        chance: Chance | None = None,
        decider: Callable[[PlainReplay], Decider] | None = None,
        step_runner: StepRunner | None = None,
    ):
        self._store = store
        self._clock = clock
        self._settings = settings
        self._log = logger or logging.getLogger("devhost.engine")
        self._http = http or ThreadedHttpSender()
        chance = chance or Chance()
        starter = Starter(store, catalog, settings, chance.new_id)
        self._requests = Requests(store, starter, catalog)
        self._core = Core(
            store=store,
            clock=clock,
            runner=runner,
            catalog=catalog,
            settings=settings,
            http=self._http,
            starter=starter,
            logger=self._log,
            chance=chance,
            decider=decider,
            step_runner=step_runner,
        )
        self._thread: threading.Thread | None = None
        self._inline = threading.RLock()
        self._stopping = False
        self._stopped: EngineStopped | None = None
        clock.on_jump(self._core.wake)

    # -- running

    def start(self) -> None:
        """Start the engine's thread: what an earlier process left unfinished goes on now."""
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Stop. With useGracefulShutdown, running activities may end first, within ``timeout`` seconds."""
        self._core.stop_dispatch()
        if self._settings.use_graceful_shutdown and self._stopped is None:
            try:
                self.run_until_idle(timeout)
            except TimeoutError:
                self._log.warning("stopped while activities were running; they will run again")
        self._stopping = True
        self._core.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        self._end("The engine has been stopped.")

    @property
    def crashed(self) -> bool:
        """Tell whether the engine died of a HostCrash or an error of its own."""
        return self._stopped is not None and not self._stopping

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._core.tell_if_idle()
                self._core.turn()
        except HostCrash:
            self._end("The host has crashed.")
        except BaseException as error:  # noqa: BLE001  whatever ended the engine, those who wait must know
            self._log.exception("the engine has died")
            self._end(f"The engine has died: {error!r}")

    def _end(self, text: str) -> None:
        if self._stopped is None:
            self._stopped = EngineStopped(text)
            self._http.close()
        self._core.close(self._stopped)

    def _call(self, function: Callable[..., Any], *, writes: bool = True) -> Any:
        """Have the engine's thread run a function, and return its result."""
        if self._stopped is not None:
            raise EngineStopped(str(self._stopped))
        call = Call(function, Future(), writes)
        self._core.arrivals.put(call)
        if self._thread is None:
            self._handle_inline(call.future)
        elif self._stopped is not None:
            self._core.close(self._stopped)  # it ended after we looked: nobody else takes the call
        return call.future.result()

    def _handle_inline(self, answer: Future[Any]) -> None:
        """Have a call answered without an engine thread: by this thread, or by one that is at it already."""
        while not answer.done():
            if self._inline.acquire(timeout=0.01):
                try:
                    self._inline_turn(lambda: self._core.handle(self._core.arrivals.take(0)))
                finally:
                    self._inline.release()

    def _inline_turn(self, turn: Callable[[], None]) -> None:
        try:
            turn()
        except HostCrash:
            self._end("The host has crashed.")
            raise

    def run_until_idle(self, timeout: float = 60.0) -> None:
        """Return when there is nothing left to do but to wait for timers, events and callers.

        Raises TimeoutError after ``timeout`` seconds of real time. Works with and without `start`.
        """
        waiter: Future[None] = self._call(self._core.when_idle, writes=False)
        if self._thread is not None:
            waiter.result(timeout)
            return
        end = time.monotonic() + timeout
        with self._inline:
            self._core.tell_if_idle()
            while not waiter.done():
                if (left := end - time.monotonic()) <= 0:
                    raise TimeoutError(f"the engine was not idle after {timeout} seconds")
                self._inline_turn(functools.partial(self._core.turn, left))
                self._core.tell_if_idle()

    def step(self) -> bool:
        """Do at most one step, without waiting for activities; False when there is nothing to do.

        For callers that decide themselves what happens next; there is no thread then.
        """
        with self._inline:
            if not self._core.busy:
                return False
            self._inline_turn(functools.partial(self._core.turn, 0))
            return True

    @property
    def busy(self) -> bool:
        """Tell whether `step` would find something to do."""
        return self._core.busy

    def deliver_again(self, instance_id: str, message: Message) -> None:
        """Deliver a message once more, as a sender does that has missed the answer."""
        self._call(lambda: self._core.deliver(instance_id, message), writes=False)

    def next_due(self) -> int | None:
        """Return the time of the next timer in ticks, None when there is none."""
        return self._call(self._core.next_due, writes=False)

    def advance(self, target: timedelta | int) -> None:
        """Move the virtual clock by a time, or to a point in ticks; each timer fires at its own time."""
        assert isinstance(self._clock, VirtualClock), "only a virtual clock can be moved"
        if isinstance(target, timedelta):
            target = self._clock.ticks() + timestamps.from_delta(target)
        self.run_until_idle()
        while (due := self.next_due()) is not None and due <= target:
            self._clock.jump(due)
            self.run_until_idle()
        self._clock.jump(target)
        self.run_until_idle()

    # -- instances

    def start_instance(
        self,
        name: str,
        *,
        input: str | None = None,
        instance_id: str | None = None,
        version: str | None = None,
    ) -> str:
        """Start an orchestration and return its instance id, a new one when none is given.

        ``input`` is compact JSON text. Raises UnknownFunction, InvalidInstanceId or InstanceExists.
        """
        return self._call(lambda work: self._requests.start(work, name, input, instance_id, version))

    def raise_event(self, instance_id: str, name: str, payload: str = "null") -> None:
        """Send an external event; ``payload`` is JSON text. Raises InstanceNotFound or InstanceFinished."""
        self._call(lambda work: self._requests.raise_event(work, instance_id, name, payload))

    def terminate(self, instance_id: str, reason: str | None = None) -> None:
        """Have an instance ended. Raises InstanceNotFound or InstanceFinished."""
        self._call(lambda work: self._requests.terminate(work, instance_id, reason))

    def suspend(self, instance_id: str, reason: str | None = None) -> None:
        """Have an instance suspended.

        Raises InstanceNotFound, InstanceFinished or InvalidState (it is suspended already).
        """
        self._call(lambda work: self._requests.suspend(work, instance_id, reason))

    def resume(self, instance_id: str, reason: str | None = None) -> None:
        """Have an instance resumed. Raises InstanceNotFound, InstanceFinished or InvalidState."""
        self._call(lambda work: self._requests.resume(work, instance_id, reason))

    def rewind(self, instance_id: str, reason: str | None = None) -> None:
        """Let a failed instance go on from before its failure.

        Raises InstanceNotFound, InstanceFinished (it has not failed) or InvalidState (it is running).
        """
        self._call(lambda work: self._requests.rewind(work, instance_id, reason))

    def restart(self, instance_id: str, new_id: bool = True) -> str:
        """Start an instance again with its input; returns the id. Raises InstanceNotFound, InstanceExists."""
        return self._call(lambda work: self._requests.restart(work, instance_id, new_id))

    def purge(self, instance_id: str) -> int:
        """Delete a finished instance or an entity; returns 1. Raises InstanceNotFound or InvalidState."""
        return self._call(lambda work: self._requests.purge(work, instance_id))

    def purge_many(self, wanted: InstanceFilter) -> int:
        """Delete the finished instances that match and return their number."""
        return self._call(lambda work: self._requests.purge_many(work, wanted))

    def status(
        self,
        instance_id: str,
        *,
        show_history: bool = False,
        show_history_output: bool = False,
        show_input: bool = True,
    ) -> InstanceStatus | None:
        """Return the state of an instance, None when it is unknown. A pending one has no history."""
        if not show_history:
            record = self._store.instance(instance_id)
            return record.shown(show_input=show_input) if record else None
        found = self._store.instance_with_history(instance_id)
        if found is None:
            return None
        record, events = found
        folded = None
        if record.status is not RuntimeStatus.PENDING:
            folded = fold(json.loads(events), show_input=show_input, show_output=show_history_output)
        return record.shown(show_input=show_input, history=folded)

    def list_instances(self, wanted: InstanceFilter) -> Page:
        """Return one page of instances, entities included."""
        records, more = self._store.instances(wanted)
        shown = [record.shown(show_input=wanted.show_input) for record in records]
        return Page(shown, records[-1].instance_id if more else None)

    def completion(self, instance_id: str) -> Future[InstanceStatus]:
        """Return a future for the end of an instance. Raises InstanceNotFound."""
        return self._call(lambda: self._core.completion(instance_id), writes=False)

    def wait(self, instance_id: str, timeout: float) -> InstanceStatus | None:
        """Wait for the end of an instance; None when it has not come after ``timeout`` seconds."""
        end = self.completion(instance_id)
        try:
            return end.result(timeout)
        except TimeoutError:
            end.cancel()
            return None

    # -- entities

    def signal_entity(self, name: str, key: str, operation: str, input: str | None = None) -> None:
        """Send a signal to an entity; ``input`` is raw JSON text. Raises UnknownFunction."""
        self._call(lambda work: self._requests.signal_entity(work, name, key, operation, input))

    def read_entity(self, name: str, key: str) -> str | None:
        """Return the last stored state of an entity as JSON text, None when it does not exist."""
        record = self._store.instance(entity_id(name, key))
        return record.state if record else None

    def list_entities(self, wanted: EntityFilter) -> EntityPage:
        """Return one page of the entities that exist."""
        records, more = self._store.entities(wanted)
        shown = [
            EntityStatus(
                *split_entity_id(record.instance_id),
                timestamps.to_datetime(record.updated),
                record.state if wanted.fetch_state else None,
            )
            for record in records
        ]
        return EntityPage(shown, records[-1].instance_id if more else None)

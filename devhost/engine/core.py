"""The inner engine: what happens in the engine's thread. `devhost.engine.engine` is the outside of it.

A turn takes what has arrived, fires due timers, and runs one step: an episode of one orchestration or a batch
of one entity. What a step leads to is written in one transaction and told to the world after the commit.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future

from devhost import timestamps
from devhost.app.settings import DurableSettings
from devhost.clock import Clock, Stamps
from devhost.engine import calls
from devhost.engine.activities import ended_event, submitter
from devhost.engine.chance import Chance
from devhost.engine.dispatch import ActivityDispatcher
from devhost.engine.durable_http import HttpSender
from devhost.engine.live import Live, LiveInstances
from devhost.engine.loop import Arrival, Arrivals, Call, Ended, Stepped, Woken
from devhost.engine.mailboxes import Mailboxes, Message
from devhost.engine.models import InstanceStatus, RuntimeStatus
from devhost.engine.ports import ActivityOutcome, Catalog, Runner, StepRunner
from devhost.engine.remote_steps import RemoteSteps
from devhost.engine.starting import Starter
from devhost.engine.steps import Steps
from devhost.engine.timer_heap import TimerHeap
from devhost.engine.watchers import Watchers
from devhost.engine.work import Effects
from devhost.errors import InstanceNotFound
from devhost.orchestration.episode import Decider
from devhost.orchestration.history import Event, EventType, event
from devhost.orchestration.plain_replay import PlainReplay
from devhost.state.records import ActivityTask, InstanceRecord, TimerRecord
from devhost.state.store import Store

__all__ = ["Core"]


class Core:
    """State and steps of the engine. All methods belong to one thread; only ``arrivals`` is for others."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        runner: Runner,
        catalog: Catalog,
        settings: DurableSettings,
        http: HttpSender,
        starter: Starter,
        logger: logging.Logger,
        chance: Chance,
        decider: Callable[[PlainReplay], Decider] | None = None,
        step_runner: StepRunner | None = None,
    ):
        self.arrivals = Arrivals()
        self._store = store
        self._clock = clock
        self._log = logger
        self._chance = chance
        self._stamps = Stamps(clock, store.last_stamp())
        self._mailboxes = Mailboxes()
        self._live = LiveInstances(store)
        choose = chance.choose
        self._timers = TimerHeap((lambda: choose(2**32)) if choose else (lambda: 0))
        self._later: dict[int, tuple[str, Message]] = {}
        self._watchers = Watchers()
        self._idle_waiters: list[Future[None]] = []
        self._dispatcher = ActivityDispatcher(
            submitter(runner, catalog, http),
            self._report,
            self.wake,
            settings.max_concurrent_activity_functions,
        )
        self._steps = Steps(
            store=store,
            clock=clock,
            stamps=self._stamps,
            mailboxes=self._mailboxes,
            live=self._live,
            timers=self._timers,
            runner=runner,
            catalog=catalog,
            settings=settings,
            starter=starter,
            publish=self._publish,
            logger=logger,
            decider=decider,
            remote=self._remote(step_runner, settings) if step_runner is not None else None,
        )
        self._recovered = self._recover()

    def _remote(self, runner: StepRunner, settings: DurableSettings) -> RemoteSteps:
        return RemoteSteps(
            runner,
            self.arrivals.put,
            settings.max_concurrent_orchestrator_functions,
            settings.max_concurrent_entity_functions,
        )

    # -- start

    def _recover(self) -> list[ActivityTask]:
        """Bring back what an earlier process left: messages, timers, activities without an end."""
        for message in self._store.messages():
            brought = Message(json.loads(message.event), message.execution_id, message.number)
            if message.due is None or message.due <= self._clock.ticks():
                self._mailboxes.put(message.instance_id, brought)
            else:
                self._defer(message.instance_id, brought, message.due)
        for timer in self._store.timers():
            self._arm(timer)
        return self._store.activities()

    # -- the outside

    def wake(self) -> None:
        """Have the engine look at everything again; thread-safe."""
        self.arrivals.put(Woken())

    def _report(self, task: ActivityTask, outcome: ActivityOutcome) -> None:
        self.arrivals.put(Ended(task, outcome))

    def close(self, error: Exception) -> None:
        """Start nothing any more and tell those who wait; the store stays as it is."""
        self._dispatcher.close()
        self._watchers.close(error)
        for waiter in self._idle_waiters:
            waiter.set_exception(error)
        self._idle_waiters.clear()
        for arrival in self.arrivals.take(0):
            if isinstance(arrival, Call):
                calls.fail(arrival, error)

    def stop_dispatch(self) -> None:
        """Start no more activities; thread-safe."""
        self._dispatcher.close()

    @property
    def busy(self) -> bool:
        """Tell whether there is something to do in this thread."""
        return bool(self._recovered or self._may_step() or not self.arrivals.empty or self._timers_due())

    def _may_step(self) -> bool:
        """Tell whether some instance has messages, and there is room for a step of it."""
        if self._steps.full:
            return False
        return any(self._steps.may_begin(instance_id) for instance_id, _ in self._mailboxes.ready())

    @property
    def idle(self) -> bool:
        """Tell whether there is nothing to do but to wait for timers and callers."""
        return not self.busy and not self._steps.under_way and self._dispatcher.idle

    def tell_if_idle(self) -> None:
        """Answer those who wait for the engine to be idle, if it is."""
        if self._idle_waiters and self.idle:
            waiters, self._idle_waiters = self._idle_waiters, []
            for waiter in waiters:
                if waiter.set_running_or_notify_cancel():
                    waiter.set_result(None)

    def when_idle(self) -> Future[None]:
        """Return a future that is resolved as soon as the engine is idle."""
        waiter: Future[None] = Future()
        self._idle_waiters.append(waiter)
        return waiter

    def next_due(self) -> int | None:
        """Return the time of the next timer in ticks, None when there is none."""
        return self._timers.next_due()

    def completion(self, instance_id: str) -> Future[InstanceStatus]:
        """Return a future for the end of an instance. Raises InstanceNotFound."""
        live = self._live.cached(instance_id)
        record = self._store.instance(instance_id) if live is None else live.record
        if record is None:
            raise InstanceNotFound(instance_id)
        end = self._watchers.add(instance_id)
        if record.status.finished:
            self._watchers.finished(record.shown())
        return end

    # -- turns

    def turn(self, longest: float | None = None) -> None:
        """Take what has arrived and run at most one step.

        Sleeps while there is nothing to do, for at most ``longest`` seconds (None: as long as it takes).
        """
        if self._recovered:
            tasks, self._recovered = self._recovered, []
            self._dispatcher.add(tasks)
        instance_id, wait = self._next_ready()
        self.handle(self.arrivals.take(0 if instance_id is not None else self._sleep(wait, longest)))
        self._fire_timers()
        instance_id, _ = self._next_ready()
        if instance_id is not None:
            self._steps.begin(instance_id)

    def _sleep(self, wait: float | None, longest: float | None) -> float | None:
        due = self._timers.next_due()
        until_timer = None if due is None else self._clock.wait(due)
        times = [seconds for seconds in (wait, until_timer, longest) if seconds is not None]
        return min(times, default=None)

    def _next_ready(self) -> tuple[str | None, float | None]:
        """Return an instance to run now, or else the seconds until one may be ready (None: not known)."""
        if self._steps.full:
            return None, None
        waiting = (one for one in self._mailboxes.ready() if self._steps.may_begin(one[0]))
        if self._chance.choose is not None:
            ready = [instance_id for instance_id, _ in waiting]
            return (ready[self._chance.choose(len(ready))] if ready else None), None
        now = time.monotonic()
        shortest: float | None = None
        for instance_id, box in waiting:
            wait = self._steps.wait(instance_id, box, now)
            if wait <= 0:
                return instance_id, None
            shortest = wait if shortest is None else min(wait, shortest)
        return None, shortest

    def handle(self, arrivals: list[Arrival]) -> None:
        """Process arrivals in their order; neighbouring requests share a transaction."""
        requests: list[Call] = []
        for arrival in arrivals:
            if isinstance(arrival, Call) and arrival.writes:
                requests.append(arrival)
                continue
            self._write_calls(requests)
            requests = []
            if isinstance(arrival, Call):
                calls.answer(arrival)
            elif isinstance(arrival, Ended):
                ended = ended_event(arrival.task, arrival.outcome, self._stamps.next())
                self.deliver(arrival.task.instance_id, Message(ended, arrival.task.execution_id))
            elif isinstance(arrival, Stepped):
                self._steps.finish(arrival)
        self._write_calls(requests)

    def _write_calls(self, requests: list[Call]) -> None:
        if requests:
            calls.write(requests, self._store, self._stamps.next(), self._publish, self._log)

    def _timers_due(self) -> bool:
        due = self._timers.next_due()
        return due is not None and due <= self._clock.ticks()

    def _fire_timers(self) -> None:
        for key, timer in self._timers.take(self._clock.ticks()):
            if isinstance(key, int):
                self.deliver(*self._later.pop(key))
            elif isinstance(timer, TimerRecord):
                self.deliver(timer.instance_id, Message(_fired(timer), timer.execution_id))
            else:
                self._mailboxes.release(str(key))

    def _arm(self, timer: TimerRecord) -> None:
        due = self._chance.fires(self._clock.ticks(), timer.due)
        self._timers.arm(timer.instance_id, timer.key, due, timer)

    def deliver(self, instance_id: str, message: Message) -> None:
        """Put a message into the mailbox of its instance."""
        self._mailboxes.put(instance_id, message)
        if self._chance.delivered is not None:
            self._chance.delivered(instance_id, message)

    # -- after the commit

    def _publish(self, effects: Effects) -> None:
        for instance_id in (*effects.ended, *effects.gone):
            self._dispatcher.cancel(instance_id)
            self._timers.disarm_all(instance_id)
        for instance_id in effects.gone:
            self._mailboxes.forget(instance_id)
            self._live.forget(instance_id)
            self._steps.forget(instance_id)
            self._watchers.failed(instance_id, InstanceNotFound(instance_id))
        for record in effects.started:
            self._live.put(Live(record))
        for key in effects.disarmed:
            self._timers.disarm(key)
        for timer in effects.timers:
            self._arm(timer)
        for instance_id, message, due in effects.deferred:
            self._defer(instance_id, message, due)
        for instance_id, message in effects.messages:
            self.deliver(instance_id, message)
        for record in effects.finished:
            self._log_end(record)
            self._watchers.finished(record.shown())
        if effects.activities:
            self._dispatcher.add(effects.activities)

    def _log_end(self, record: InstanceRecord) -> None:
        failed = record.status is RuntimeStatus.FAILED
        text = (record.output or "").partition("\n")[0] if failed else ""
        level = logging.WARNING if failed else logging.DEBUG
        self._log.log(level, "%s '%s': %s. %s", record.name, record.instance_id, record.status, text)

    def _defer(self, instance_id: str, message: Message, due: int) -> None:
        assert message.number is not None
        self._later[message.number] = (instance_id, message)
        self._timers.arm(instance_id, message.number, due)


def _fired(timer: TimerRecord) -> Event:
    """The message that a timer has fired: the real host writes it when the timer is made, and hides it."""
    fire_at = timestamps.text(timer.due)
    return event(EventType.TimerFired, timer.created, TimerId=timer.timer_id, FireAt=fire_at)

"""The inner engine: what happens in the engine's thread. `devhost.engine.engine` is the outside of it.

A turn takes what has arrived, fires due timers, and runs one step: an episode of one orchestration or a batch
of one entity. What a step leads to is written in one transaction and told to the world after the commit.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta

from devhost import timestamps
from devhost.app.settings import DurableSettings
from devhost.clock import Clock, Stamps
from devhost.engine import calls, entities
from devhost.engine.activities import ended_event, submitter
from devhost.engine.chance import Chance
from devhost.engine.dispatch import ActivityDispatcher
from devhost.engine.durable_http import HttpSender
from devhost.engine.live import Live, LiveInstances
from devhost.engine.loop import Arrival, Arrivals, Call, Ended, Woken
from devhost.engine.mailboxes import Mailboxes, Message
from devhost.engine.models import InstanceStatus, RuntimeStatus
from devhost.engine.outcome import forget_ended, write_episode
from devhost.engine.pacing import Pacing
from devhost.engine.ports import ActivityError, ActivityOutcome, Catalog, NoReply, Runner
from devhost.engine.starting import Starter
from devhost.engine.timer_heap import TimerHeap
from devhost.engine.watchers import Watchers
from devhost.engine.work import Effects, Work
from devhost.errors import InstanceNotFound
from devhost.orchestration.episode import Decider, accepted, run_episode, version_mismatch
from devhost.orchestration.history import Event, EventType, event
from devhost.orchestration.plain_replay import PlainReplay
from devhost.state.records import ActivityTask, InstanceRecord, TimerRecord, is_entity
from devhost.state.store import Store

__all__ = ["Core"]

_RETRY_AFTER = timedelta(seconds=5)
_LONGEST_PAUSE_SECONDS = 600


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
    ):
        self.arrivals = Arrivals()
        self._store = store
        self._clock = clock
        self._runner = runner
        self._catalog = catalog
        self._settings = settings
        self._starter = starter
        self._log = logger
        self._chance = chance
        plain = PlainReplay(runner, settings)
        self._decider = decider(plain) if decider else plain
        self._stamps = Stamps(clock, store.last_stamp())
        self._mailboxes = Mailboxes()
        self._live = LiveInstances(store)
        choose = chance.choose
        self._timers = TimerHeap((lambda: choose(2**32)) if choose else (lambda: 0))
        self._later: dict[int, tuple[str, Message]] = {}
        self._watchers = Watchers()
        self._pacing = Pacing()
        self._idle_waiters: list[Future[None]] = []
        self._tries: dict[str, int] = {}
        self._dispatcher = ActivityDispatcher(
            submitter(runner, catalog, http),
            self._report,
            self.wake,
            settings.max_concurrent_activity_functions,
        )
        self._recovered = self._recover()

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
        return bool(self._recovered or len(self._mailboxes) or not self.arrivals.empty or self._timers_due())

    @property
    def idle(self) -> bool:
        """Tell whether there is nothing to do but to wait for timers and callers."""
        return not self.busy and self._dispatcher.idle

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
            self._step(instance_id)

    def _sleep(self, wait: float | None, longest: float | None) -> float | None:
        due = self._timers.next_due()
        until_timer = None if due is None else self._clock.wait(due)
        times = [seconds for seconds in (wait, until_timer, longest) if seconds is not None]
        return min(times, default=None)

    def _next_ready(self) -> tuple[str | None, float | None]:
        """Return an instance to run now, or else the seconds until one may be ready (None: not known)."""
        if self._chance.choose is not None:
            ready = [instance_id for instance_id, _ in self._mailboxes.ready()]
            return (ready[self._chance.choose(len(ready))] if ready else None), None
        now = time.monotonic()
        shortest: float | None = None
        for instance_id, box in self._mailboxes.ready():
            wait = self._pacing.wait(box, self._live.cached(instance_id), now)
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

    # -- steps

    def _step(self, instance_id: str) -> None:
        messages = self._mailboxes.take(instance_id)
        try:
            if is_entity(instance_id):
                self._run_entity(instance_id, messages)
            else:
                self._run_orchestration(instance_id, messages)
            self._tries.pop(instance_id, None)
        except NoReply as none:
            self._abort(instance_id, messages, none.error)
        except Exception as error:  # noqa: BLE001
            # Not the user's error (that is part of the outcome) but ours or the disk's: keep the messages.
            self._tell_failure(instance_id, error)
            self._put_back(instance_id, messages, _RETRY_AFTER.total_seconds())

    def _abort(self, instance_id: str, messages: list[Message], error: ActivityError) -> None:
        """Have a step that came to nothing tried again; the pauses grow as on the real host."""
        tries = self._tries[instance_id] = self._tries.get(instance_id, 0) + 1
        seconds = min(2 ** min(tries, 10), _LONGEST_PAUSE_SECONDS)
        text = "a step of '%s' came to nothing (%s): tried again in %d s"
        self._log.warning(text, instance_id, error.message, seconds)
        self._put_back(instance_id, messages, seconds)

    def _put_back(self, instance_id: str, messages: list[Message], seconds: float) -> None:
        self._live.forget(instance_id)
        self._mailboxes.hold(instance_id, messages)
        due = self._clock.ticks() + int(seconds * timestamps.SECOND)
        self._timers.arm(instance_id, instance_id, due)

    def _tell_failure(self, instance_id: str, error: Exception) -> None:
        seconds = _RETRY_AFTER.total_seconds()
        if isinstance(error, (sqlite3.Error, OSError)):
            text = "the state cannot be written (%s): '%s' is tried again every %g s, and nothing is lost"
            self._log.error(text, error, instance_id, seconds)
        else:
            self._log.exception("a step of '%s' failed; tried again every %g s", instance_id, seconds)

    def _run_orchestration(self, instance_id: str, messages: list[Message]) -> None:
        live = self._live.get(instance_id)
        events = accepted(live, messages) if live is not None else []
        if live is None or not events:
            self._drop(instance_id, messages)
            return
        if self._rejects(live, events):
            self._mailboxes.park(instance_id, messages)
            return
        began = time.monotonic()
        episode = run_episode(
            live, events, self._stamps.next(), self._runner, self._catalog, self._settings, self._decider
        )
        if episode is None:
            self._drop(instance_id, messages)
            return
        self._pacing.learn(len(live.history.events) + len(events), time.monotonic() - began)
        with self._store.transaction() as transaction:
            work = Work(transaction, self._stamps.next())
            live = write_episode(work, live, messages, episode, self._starter)
        if live.record.status.finished:
            self._live.forget(instance_id)
        else:
            self._live.put(live)
        self._publish(work.effects)

    def _rejects(self, live: Live, events: list[Event]) -> bool:
        """Tell whether the instance is left for a host of another version. Termination is always taken in."""
        if self._settings.version_failure_strategy != "Reject":
            return False
        if any(one["EventType"] == EventType.ExecutionTerminated for one in events):
            return False
        text = version_mismatch(live, events, self._settings)
        if text is not None:
            self._log.warning("'%s' is not run here: %s", live.record.instance_id, text)
        return text is not None

    def _run_entity(self, instance_id: str, messages: list[Message]) -> None:
        limit = self._settings.max_entity_operation_batch_size
        batch_of, rest = messages[:limit], messages[limit:]
        present = self._store.instance(instance_id)
        state = present.state if present is not None else None
        requests = [message.event for message in batch_of]
        batch = entities.run_batch(instance_id, state, requests, self._runner, self._catalog)
        with self._store.transaction() as transaction:
            work = Work(transaction, self._stamps.next())
            entities.write_batch(work, instance_id, present, batch_of, batch)
        self._publish(work.effects)
        for message in rest:
            self._mailboxes.put(instance_id, message)

    def _drop(self, instance_id: str, messages: list[Message]) -> None:
        """Delete messages that nobody takes: for an unknown or finished instance, or an old execution."""
        record = self._store.instance(instance_id)
        late = record is not None and record.status.finished
        ends = [
            one.event
            for one in messages
            if late and record is not None and one.execution_id == record.execution_id
        ]
        if ends or any(message.number is not None for message in messages):
            with self._store.transaction() as transaction:
                work = Work(transaction, self._stamps.next())
                work.consume(messages)
                forget_ended(work, instance_id, ends)

    # -- after the commit

    def _publish(self, effects: Effects) -> None:
        for instance_id in (*effects.ended, *effects.gone):
            self._dispatcher.cancel(instance_id)
            self._timers.disarm_all(instance_id)
        for instance_id in effects.gone:
            self._mailboxes.forget(instance_id)
            self._live.forget(instance_id)
            self._tries.pop(instance_id, None)
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

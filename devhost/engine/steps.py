"""One step of an instance: an episode of an orchestration, or a batch of an entity. In the engine's thread.

A step takes the messages of the instance, asks its code, and writes what follows in one transaction. The code
runs here and now, or it is sent to a worker process (`RemoteSteps`) and the step is finished when the answer
comes; newer messages wait meanwhile.
"""

from __future__ import annotations

import functools
import logging
import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta

from devhost import timestamps
from devhost.app.settings import DurableSettings
from devhost.clock import Clock, Stamps
from devhost.engine import entities
from devhost.engine.live import Live, LiveInstances
from devhost.engine.loop import Stepped
from devhost.engine.mailboxes import Mailbox, Mailboxes, Message
from devhost.engine.outcome import forget_ended, write_episode
from devhost.engine.pacing import Pacing
from devhost.engine.ports import ActivityError, ActivityOutcome, Catalog, NoReply, Runner
from devhost.engine.remote_steps import RemoteSteps, SentStep
from devhost.engine.starting import Starter
from devhost.engine.timer_heap import TimerHeap
from devhost.engine.work import Effects, Work
from devhost.orchestration.decision import Decision
from devhost.orchestration.episode import Decider, Prepared, accepted, complete, prepare, version_mismatch
from devhost.orchestration.history import Event, EventType
from devhost.orchestration.plain_replay import PlainReplay
from devhost.state.records import InstanceRecord, is_entity, split_entity_id
from devhost.state.store import Store

__all__ = ["Steps"]

_RETRY_AFTER = timedelta(seconds=5)
_LONGEST_PAUSE_SECONDS = 600


class Steps:
    """Runs steps. ``publish`` is told the effects of each transaction; ``remote`` None runs all code here."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        stamps: Stamps,
        mailboxes: Mailboxes,
        live: LiveInstances,
        timers: TimerHeap,
        runner: Runner,
        catalog: Catalog,
        settings: DurableSettings,
        starter: Starter,
        publish: Callable[[Effects], None],
        logger: logging.Logger,
        decider: Callable[[PlainReplay], Decider] | None,
        remote: RemoteSteps | None,
    ):
        self._pacing = Pacing()
        self._store = store
        self._clock = clock
        self._stamps = stamps
        self._mailboxes = mailboxes
        self._live = live
        self._timers = timers
        self._runner = runner
        self._catalog = catalog
        self._settings = settings
        self._starter = starter
        self._publish = publish
        self._log = logger
        self._plain = PlainReplay(runner, settings)
        self._decider = decider(self._plain) if decider else self._plain
        self._remote = remote
        self._tries: dict[str, int] = {}

    @property
    def under_way(self) -> int:
        """The number of steps that have been sent away and are not finished."""
        return len(self._remote) if self._remote is not None else 0

    def may_begin(self, instance_id: str) -> bool:
        """Tell whether there is room for a step of this instance."""
        return self._remote is None or self._remote.may_begin(instance_id)

    @property
    def full(self) -> bool:
        """Tell whether there is room for no step at all."""
        return self._remote is not None and self._remote.full

    def wait(self, instance_id: str, box: Mailbox, now: float) -> float:
        """Return the seconds to leave a mailbox alone; 0.0 or less: run it now.

        While a step is in a worker process, messages gather without that.
        """
        if self._remote is not None:
            return 0.0
        return self._pacing.wait(box, self._live.cached(instance_id), now)

    def forget(self, instance_id: str) -> None:
        """Finish no step of an instance that is gone."""
        self._tries.pop(instance_id, None)
        if self._remote is not None:
            self._remote.forget(instance_id)

    def begin(self, instance_id: str) -> None:
        """Take the messages of an instance and run a step with them, or send it away."""
        messages = self._mailboxes.take(instance_id)
        run = self._run_entity if is_entity(instance_id) else self._run_orchestration
        self._attempt(instance_id, messages, functools.partial(run, instance_id, messages))

    def finish(self, stepped: Stepped) -> None:
        """Finish a step that was sent away."""
        assert self._remote is not None
        sent = self._remote.take(stepped.token)
        if sent is None:
            return  # the instance is gone
        finish = functools.partial(sent.finish, stepped.outcome)
        if self._attempt(sent.instance_id, sent.messages, finish):
            self._mailboxes.release(sent.instance_id)

    # -- what goes wrong

    def _attempt(self, instance_id: str, messages: list[Message], action: Callable[[], None]) -> bool:
        """Do something with messages; keep them for later and return False when it fails."""
        try:
            action()
        except NoReply as none:
            self._abort(instance_id, messages, none.error)
        except Exception as error:  # noqa: BLE001
            # Not the user's error (that is part of the outcome) but ours or the disk's: keep the messages.
            self._tell_failure(instance_id, error)
            self._put_back(instance_id, messages, _RETRY_AFTER.total_seconds())
        else:
            return True
        return False

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

    # -- orchestrations

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
        prepared = prepare(live, events, self._stamps.next(), self._catalog, self._settings)
        if prepared is None:
            self._drop(instance_id, messages)
            return
        decision = prepared.decision
        if decision is None and self._remote is not None:
            self._send_episode(self._remote, live, messages, prepared)
            return
        if decision is None:
            decision = self._decider.decide(live, prepared.new, prepared.started, prepared.function)
        self._pacing.learn(len(live.history.events) + len(events), time.monotonic() - began)
        self._end_episode(live, messages, prepared, decision)

    def _send_episode(
        self, remote: RemoteSteps, live: Live, messages: list[Message], prepared: Prepared
    ) -> None:
        new, started = prepared.new, prepared.started

        def finish(outcome: ActivityOutcome) -> None:
            decision = self._plain.decided(live, new, started, outcome)
            self._end_episode(live, messages, prepared, decision)

        instance_id = live.record.instance_id
        self._mailboxes.hold(instance_id, [])
        text = self._plain.context(live, new, started)
        remote.send(prepared.function, text, SentStep(instance_id, messages, finish))

    def _end_episode(
        self, live: Live, messages: list[Message], prepared: Prepared, decision: Decision
    ) -> None:
        episode = complete(prepared, decision, self._catalog, self._settings)
        with self._store.transaction() as transaction:
            work = Work(transaction, self._stamps.next())
            live = write_episode(work, live, messages, episode, self._starter)
        if live.record.status.finished:
            self._live.forget(live.record.instance_id)
        else:
            self._live.put(live)
        self._tries.pop(live.record.instance_id, None)
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

    def _drop(self, instance_id: str, messages: list[Message]) -> None:
        """Delete messages that nobody takes: for an unknown or finished instance, or an old execution."""
        record = self._store.instance(instance_id)
        ends: list[Event] = []
        if record is not None and record.status.finished:
            ends = [one.event for one in messages if one.execution_id == record.execution_id]
        if ends or any(message.number is not None for message in messages):
            with self._store.transaction() as transaction:
                work = Work(transaction, self._stamps.next())
                work.consume(messages)
                forget_ended(work, instance_id, ends)

    # -- entities

    def _run_entity(self, instance_id: str, messages: list[Message]) -> None:
        limit = self._settings.max_entity_operation_batch_size
        now, rest = messages[:limit], messages[limit:]
        present = self._store.instance(instance_id)
        state = present.state if present is not None else None
        requests = [message.event for message in now]
        function = self._catalog.entity(split_entity_id(instance_id)[0])
        if self._remote is None or function is None:
            batch = entities.run_batch(instance_id, state, requests, self._runner, self._catalog)
            self._end_batch(instance_id, present, now, batch)
            for message in rest:
                self._mailboxes.put(instance_id, message)
            return

        def finish(outcome: ActivityOutcome) -> None:
            batch = entities.batch_of(outcome, state, requests)
            self._end_batch(instance_id, present, now, batch)

        self._mailboxes.hold(instance_id, rest)
        text = entities.batch_text(instance_id, state, requests)
        self._remote.send(function, text, SentStep(instance_id, now, finish))

    def _end_batch(
        self,
        instance_id: str,
        present: InstanceRecord | None,
        messages: list[Message],
        batch: entities.Batch,
    ) -> None:
        with self._store.transaction() as transaction:
            work = Work(transaction, self._stamps.next())
            entities.write_batch(work, instance_id, present, messages, batch)
        self._tries.pop(instance_id, None)
        self._publish(work.effects)

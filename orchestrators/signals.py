"""Waiting for signals: what people, devices and systems say of something, from `usecases/signal.py`.

    wait = SignalWait(context, "goods-received", order)
    yield from wait.open()
    while not enough:
        new = yield from wait.next(until)
        if not new:
            break  # the moment has come
    yield from wait.close()

A wait that may last has a bound: once it `is_long`, close it, and continue as new with one that `continues`.
An event for the old one that comes in between is lost. That does no harm: the new one begins with a reading.

A signal is stored before anybody is woken, and the event that wakes says nothing. The order here is what
makes nothing get lost: arm the event, note the wait, read what is there, then wait; and arm it again before
each further reading. So early signals, lost events and doubled ones do not matter.

Each open wait is given each signal of its kind and key, also when several workflows wait. What a wait was
given is for no later one, once it has ended: so write down what came of it before `close`. A run that is
started again under its id opens its wait anew, and is given everything again.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from invoicing.records.signals import (
    CLOSE_SIGNAL_WAIT,
    OPEN_SIGNAL_WAIT,
    READ_SIGNALS,
    CloseJob,
    ReadJob,
    Signal,
    SignalsRead,
    WaitPlace,
)
from invoicing.signals.keys import id_hash, normal_key
from orchestrators import versions
from orchestrators.sdk import is_done
from orchestrators.steps import call
from orchestrators.versions import since
from orchestrators.waiting import done_before, sleep_until

#: After so many readings in a row that found nothing new, or so many at all, a rest comes before each: events
#: make a history grow, and each replay reads all of it. What comes meanwhile is read together.
READINGS_FOR_NOTHING = 10
READINGS = 100
REST = timedelta(seconds=30)
#: After so many readings a wait is long: each makes its history about twelve events longer.
LONG = 200


class SignalWait:
    """A wait of one workflow for the signals of a kind and a key. One at a time for the same two.

    Its steps raise ActivityGaveUp, as all do.
    """

    def __init__(
        self, context: df.DurableOrchestrationContext, kind: str, key: str, *, continues: bool = False
    ) -> None:
        """`continues`: this run has continued as new, and is given what its waits before were not.

        Raises SignalInvalid for a key that cannot be one.
        """
        self._continues = continues
        self._context = context
        self._kind = kind
        self._key = normal_key(key)
        # An event of its own: two waits of one name share a slot in the SDK.
        self._event = f"signal.{context.new_uuid()}"
        self._task: Any = None
        self._began: datetime | None = None
        self._given: tuple[str, ...] = ()
        self._told = False
        self._seen: set[str] = set()
        self._fresh: list[Signal] = []
        self._more = False
        self._readings = 0
        self._for_nothing = 0

    @property
    def is_long(self) -> bool:
        """Whether the workflow shall continue as new, for its history not to grow without a bound."""
        return self._readings >= LONG and since(versions.BOUNDED_WAITS, self._context)

    def open(self) -> Generator[Any, Any, None]:
        """Begin: signals that came before are given by the first `next`."""
        self._began = self._context.current_utc_datetime
        self._arm()
        found = yield from call(self._context, OPEN_SIGNAL_WAIT, self._place())
        self._take(found)

    def next(self, until: datetime) -> Generator[Any, Any, tuple[Signal, ...]]:
        """New signals, as soon as there are some, the oldest first; empty: the moment has come without any.

        Empty, too: the wait is long.

        Some at a time: call it again for the others. `until` has a time zone; one that is over makes it look
        and not wait.
        """
        came = True
        while not self._fresh and (self._more or came) and not self.is_long:
            if not self._more:
                came = yield from self._woken(until)
            yield from self._read()
        fresh, self._fresh = tuple(self._fresh), []
        return fresh

    def close(self) -> Generator[Any, Any, None]:
        """End: what was given is for no later wait. Write down what came of it before."""
        job = CloseJob(
            **self._place().as_plain(),
            given=self._given,
            told=self._told,
            now=self._context.current_utc_datetime,
        )
        yield from call(self._context, CLOSE_SIGNAL_WAIT, job)

    def _woken(self, until: datetime) -> Generator[Any, Any, bool]:
        """Wait for the event until a moment; returns whether it came."""
        came = yield from done_before(self._context, self._task, until)
        if came:
            self._arm()
            yield from self._rest(until)
            # One reading sees what all events until now speak of.
            while is_done(self._task):
                self._arm()
        return came

    def _rest(self, until: datetime) -> Generator[Any, Any, None]:
        if self._for_nothing >= READINGS_FOR_NOTHING or self._readings >= READINGS:
            yield from sleep_until(self._context, min(self._context.current_utc_datetime + REST, until))

    def _arm(self) -> None:
        self._task = self._context.wait_for_external_event(self._event)

    def _read(self) -> Generator[Any, Any, None]:
        job = ReadJob(**self._place().as_plain(), given=self._given)
        found = yield from call(self._context, READ_SIGNALS, job)
        self._told = self._told or bool(self._given)
        self._readings += 1
        self._for_nothing = 0 if found.signals else self._for_nothing + 1
        self._take(found)

    def _take(self, found: SignalsRead) -> None:
        self._given = tuple(id_hash(signal.id) for signal in found.signals)
        self._more = found.more
        for signal in found.signals:
            if signal.id not in self._seen:
                self._seen.add(signal.id)
                self._fresh.append(signal)

    def _place(self) -> WaitPlace:
        return WaitPlace(
            kind=self._kind,
            key=self._key,
            instance=self._context.instance_id,
            event=self._event,
            at=self._began or self._context.current_utc_datetime,
            continues=self._continues,
        )

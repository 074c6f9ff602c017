"""Instances at work, kept in memory between episodes so that their history is not read again and again."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from devhost.orchestration.history import COMPLETIONS, Event, EventType, History
from devhost.state.records import InstanceRecord
from devhost.state.store import Store

__all__ = ["Live", "LiveInstances"]

_EVENTS_OF_AN_INSTANCE = 10
_SCHEDULED = frozenset((EventType.TaskScheduled, EventType.SubOrchestrationInstanceCreated))


class Live:
    """One instance that is not finished: its row, its history, tasks and timers whose end has not come."""

    __slots__ = ("__weakref__", "history", "kept", "open_tasks", "open_timers", "record", "started")

    def __init__(self, record: InstanceRecord, events: Iterable[Event] = ()):
        self.record = record
        self.history = History(events)
        self.open_tasks: set[int] = set()
        self.open_timers: set[int] = set()
        self.started: Event | None = None
        # What `devhost.orchestration.sticky` keeps alive: it goes when the history goes that it was fed with.
        self.kept: Any = None
        self._note(self.history.events)

    def append(self, events: Iterable[Event]) -> str:
        """Take in the events of an episode; returns their texts as they are stored."""
        added = list(events)
        self._note(added)
        return self.history.append(added)

    def _note(self, events: list[Event]) -> None:
        for event in events:
            kind = event["EventType"]
            if kind in _SCHEDULED:
                self.open_tasks.add(event["EventId"])
            elif kind in COMPLETIONS:
                self.open_tasks.discard(event["TaskScheduledId"])
            elif kind == EventType.TimerCreated:
                self.open_timers.add(event["EventId"])
            elif kind == EventType.TimerFired:
                self.open_timers.discard(event["TimerId"])
            elif kind == EventType.ExecutionStarted:
                self.started = event


class LiveInstances:
    """A cache of instances, the least used of which are forgotten when the histories grow too large.

    ``limit`` is the number of events to keep in all, about a kilobyte each; an instance counts as ten.
    """

    def __init__(self, store: Store, limit: int = 100_000):
        self._store = store
        self._limit = limit
        self._live: OrderedDict[str, Live] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._events = 0

    def cached(self, instance_id: str) -> Live | None:
        """Return an instance if it is in memory."""
        return self._live.get(instance_id)

    def get(self, instance_id: str) -> Live | None:
        """Return an instance, read from the store if need be; None when it is unknown or finished."""
        live = self._live.get(instance_id)
        if live is None:
            record = self._store.instance(instance_id)
            if record is None or record.status.finished:
                return None
            live = Live(record, json.loads(self._store.history(instance_id)))
            self.put(live)
        self._live.move_to_end(instance_id)
        return live

    def put(self, live: Live) -> None:
        """Note an instance after an episode, and forget others if there is no room."""
        key = live.record.instance_id
        self._live[key] = live
        self._live.move_to_end(key)
        size = len(live.history.events) + _EVENTS_OF_AN_INSTANCE
        self._events += size - self._sizes.get(key, 0)
        self._sizes[key] = size
        while self._events > self._limit and len(self._live) > 1:
            self.forget(next(iter(self._live)))

    def forget(self, instance_id: str) -> None:
        """Drop an instance from memory; its state is in the store."""
        self._live.pop(instance_id, None)
        self._events -= self._sizes.pop(instance_id, 0)

"""What callers may ask of instances: each request checks first, then writes. Runs in the engine's thread."""

from __future__ import annotations

import json
from typing import Any

from devhost import jsontext
from devhost.engine import entities
from devhost.engine.models import InstanceFilter, RuntimeStatus
from devhost.engine.ports import Catalog
from devhost.engine.starting import Starter, check_entity_key, check_instance_id
from devhost.engine.work import Work
from devhost.errors import (
    InstanceFinished,
    InstanceNotFound,
    InvalidState,
    RewindImpossible,
    UnknownFunction,
)
from devhost.orchestration.history import Event, EventType, event
from devhost.orchestration.rewinding import Child, rewind
from devhost.state.records import InstanceRecord, entity_id, is_entity
from devhost.state.store import Store

__all__ = ["Requests"]

_PAGE = 500


class Requests:
    """The requests of the management API, as changes of the store."""

    def __init__(self, store: Store, starter: Starter, catalog: Catalog):
        self._store = store
        self._starter = starter
        self._catalog = catalog

    def start(
        self, work: Work, name: str, input_: str | None, instance_id: str | None, version: str | None
    ) -> str:
        """Start an instance and return its id."""
        self._starter.check_name(name)
        instance_id = instance_id or self._starter.new_id()
        check_instance_id(instance_id)
        self._starter.start(work, name, instance_id, input_, version)
        return instance_id

    def raise_event(self, work: Work, instance_id: str, name: str, payload: str) -> None:
        """Send an external event; ``payload`` is JSON text."""
        self._unfinished(instance_id)
        work.send(instance_id, event(EventType.EventRaised, work.stamp, Name=name, Input=payload))

    def terminate(self, work: Work, instance_id: str, reason: str | None) -> None:
        """Have an instance ended."""
        self._unfinished(instance_id)
        work.send(instance_id, event(EventType.ExecutionTerminated, work.stamp, Input=reason))

    def suspend(self, work: Work, instance_id: str, reason: str | None) -> None:
        """Have an instance suspended."""
        record = self._unfinished(instance_id)
        if record.status is RuntimeStatus.SUSPENDED:
            raise InvalidState(instance_id, record.status.value, _cannot("suspend", record))
        work.send(instance_id, event(EventType.ExecutionSuspended, work.stamp, Reason=reason))

    def resume(self, work: Work, instance_id: str, reason: str | None) -> None:
        """Have a suspended instance resumed."""
        record = self._unfinished(instance_id)
        if record.status is not RuntimeStatus.SUSPENDED:
            raise InvalidState(instance_id, record.status.value, _cannot("resume", record))
        work.send(instance_id, event(EventType.ExecutionResumed, work.stamp, Reason=reason))

    def restart(self, work: Work, instance_id: str, new_id: bool) -> str:
        """Start an instance again with the same name, version and input; returns the id of the new run."""
        record = self._orchestration(instance_id)
        target = None if new_id else instance_id
        return self.start(work, record.name, record.input, target, record.version)

    def rewind(self, work: Work, instance_id: str, reason: str | None) -> None:
        """Take the failures out of a failed instance, and out of its children, and let them go on."""
        record = self._orchestration(instance_id)
        if record.status is not RuntimeStatus.FAILED:
            if record.status.finished:
                raise InstanceFinished(instance_id, record.status.value)
            raise InvalidState(instance_id, record.status.value, _cannot("rewind", record))
        self._rewind(work, record, reason)

    def _rewind(self, work: Work, record: InstanceRecord, reason: str | None) -> None:
        events: list[Event] = json.loads(self._store.history(record.instance_id))
        rewound = rewind(events, lambda child_id: self._child(child_id, record))
        for child_id in rewound.children:
            self._rewind(work, self._known(child_id), reason)
        work.transaction.delete_history(record.instance_id)
        work.transaction.append_history(
            record.instance_id, ",".join(jsontext.encode(one) for one in rewound.events)
        )
        # The output stays until there is a new one, as on the real host.
        work.transaction.put_instance(record.changed(status=RuntimeStatus.PENDING, updated=work.stamp))
        if rewound.wakes:
            message = event(EventType.ExecutionRewound, work.stamp, Reason=reason)
            work.send(record.instance_id, message, record.execution_id)

    def _child(self, child_id: str, parent: InstanceRecord) -> Child:
        child = self._store.instance(child_id)
        if child is None:
            raise RewindImpossible(parent.instance_id, child_id)
        if self._execution_of_parent(child) != parent.execution_id:
            return Child.FOREIGN  # an earlier run of the parent, or someone else, has it
        return Child.FAILED if child.status is RuntimeStatus.FAILED else Child.LEFT_ALONE

    def _execution_of_parent(self, child: InstanceRecord) -> str | None:
        """Return the execution that an instance will report its end to, None when there is none."""
        events: list[Event] = json.loads(self._store.history(child.instance_id))
        if not events:  # it has not run yet, so its start is still in its inbox
            events = [
                json.loads(message.event)
                for message in self._store.messages()
                if message.instance_id == child.instance_id
            ]
        started = next((one for one in events if one.get("EventType") == EventType.ExecutionStarted), None)
        parent = started["ParentInstance"] if started else None
        return parent["OrchestrationInstance"]["ExecutionId"] if parent else None

    def purge(self, work: Work, instance_id: str) -> int:
        """Delete a finished instance, or an entity; returns 1."""
        record = self._known(instance_id)
        if not record.status.finished and not is_entity(instance_id):
            raise InvalidState(instance_id, record.status.value, _cannot("purge", record))
        work.delete_instance(instance_id)
        return 1

    def purge_many(self, work: Work, wanted: InstanceFilter) -> int:
        """Delete the finished instances that match; returns their number. Entities and running ones stay."""
        finished = [status for status in RuntimeStatus if status.finished]
        statuses = tuple(status for status in wanted.statuses or finished if status.finished)
        if not statuses:
            return 0
        count, token, more = 0, None, True
        while more:
            page = InstanceFilter(
                wanted.created_from, wanted.created_to, statuses, wanted.prefix, top=_PAGE, token=token
            )
            records, more = self._store.instances(page)
            for record in records:
                work.delete_instance(record.instance_id)
                token = record.instance_id
            count += len(records)
        return count

    def signal_entity(self, work: Work, name: str, key: str, operation: str, input_: str | None) -> None:
        """Send a signal to an entity."""
        if self._catalog.entity(name) is None:
            raise UnknownFunction("entity", name, self._catalog.known_entities())
        check_entity_key(key)
        request: dict[str, Any] = entities.signal(operation, input_)
        work.send(entity_id(name, key), request)

    def _known(self, instance_id: str) -> InstanceRecord:
        record = self._store.instance(instance_id)
        if record is None:
            raise InstanceNotFound(instance_id)
        return record

    def _orchestration(self, instance_id: str) -> InstanceRecord:
        if is_entity(instance_id):
            raise InstanceNotFound(instance_id)  # an entity is listed as an instance, but it is none
        return self._known(instance_id)

    def _unfinished(self, instance_id: str) -> InstanceRecord:
        record = self._orchestration(instance_id)
        if record.status.finished:
            raise InstanceFinished(instance_id, record.status.value)
        return record


def _cannot(verb: str, record: InstanceRecord) -> str:
    return (
        f"Cannot {verb} the orchestration instance '{record.instance_id}' because it is in the "
        f"{record.status.value} state."
    )

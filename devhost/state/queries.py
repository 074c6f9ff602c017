"""What is read from the state file."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

from devhost import timestamps
from devhost.engine.models import EntityFilter, InstanceFilter, RuntimeStatus
from devhost.state.records import ActivityTask, InstanceRecord, StoredMessage, TimerRecord

__all__ = ["Queries"]

_COLUMNS = (
    "instance_id, execution_id, name, version, status, input, output, custom_status, created, updated, state"
)


class Queries:
    """The reading half of the store."""

    _connection: sqlite3.Connection
    _lock: threading.RLock

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def instance(self, instance_id: str) -> InstanceRecord | None:
        """Return one instance or entity."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM instances WHERE instance_id = ?", instance_id)  # noqa: S608
        return _record(rows[0]) if rows else None

    def history(self, instance_id: str) -> str:
        """Return the JSON array of all events of an instance, oldest first."""
        rows = self._rows("SELECT events FROM history WHERE instance_id = ? ORDER BY number", instance_id)
        return f"[{','.join(row[0] for row in rows)}]"

    def instance_with_history(self, instance_id: str) -> tuple[InstanceRecord, str] | None:
        """Return an instance and its history as of one moment."""
        with self._lock:
            record = self.instance(instance_id)
            return None if record is None else (record, self.history(instance_id))

    def instances(self, wanted: InstanceFilter) -> tuple[list[InstanceRecord], bool]:
        """Return one page of instances in the order of their ids, and whether there are more."""
        conditions, values = _conditions(wanted)
        return self._page(conditions, values, wanted.top)

    def entities(self, wanted: EntityFilter) -> tuple[list[InstanceRecord], bool]:
        """Return one page of entities that exist, in the order of their ids, and whether there are more."""
        prefix = f"@{wanted.name.lower()}@" if wanted.name else "@"
        conditions = ["instance_id >= ?", "substr(instance_id, 1, ?) = ?", "state IS NOT NULL"]
        values: list[Any] = [prefix, len(prefix), prefix]
        _add(conditions, values, "updated >= ?", wanted.last_operation_from)
        _add(conditions, values, "updated <= ?", wanted.last_operation_to)
        _add(conditions, values, "instance_id > ?", wanted.token)
        return self._page(conditions, values, wanted.top)

    def _page(self, conditions: list[str], values: list[Any], top: int) -> tuple[list[InstanceRecord], bool]:
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM instances {where} ORDER BY instance_id LIMIT ?",  # noqa: S608  no outside text
            *values,
            top + 1,
        )
        return [_record(row) for row in rows[:top]], len(rows) > top

    def messages(self) -> list[StoredMessage]:
        """Return all messages that have not been taken in, in the order of their arrival."""
        rows = self._rows("SELECT number, instance_id, execution_id, due, event FROM inbox ORDER BY number")
        return [StoredMessage(*row) for row in rows]

    def activities(self) -> list[ActivityTask]:
        """Return all activities whose end is not recorded."""
        rows = self._rows("SELECT instance_id, execution_id, task_id, name, input FROM activities")
        return [ActivityTask(*row) for row in rows]

    def timers(self) -> list[TimerRecord]:
        """Return all timers that have neither fired nor been cancelled."""
        rows = self._rows("SELECT instance_id, execution_id, timer_id, due, created FROM timers")
        return [TimerRecord(*row) for row in rows]

    def last_stamp(self) -> int:
        """Return the greatest time stamp of an earlier run, 0 when there is none."""
        return self._rows("SELECT coalesce(max(updated), 0) FROM instances")[0][0]


def _conditions(wanted: InstanceFilter) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    _add(conditions, values, "created >= ?", wanted.created_from)
    _add(conditions, values, "created <= ?", wanted.created_to)
    _add(conditions, values, "instance_id > ?", wanted.token)
    if wanted.prefix:
        # Not LIKE: it ignores case, and an id may hold % and _.
        conditions += ["instance_id >= ?", "substr(instance_id, 1, ?) = ?"]
        values += [wanted.prefix, len(wanted.prefix), wanted.prefix]
    if wanted.statuses:
        conditions.append(f"status IN ({', '.join('?' * len(wanted.statuses))})")
        values += [status.value for status in wanted.statuses]
    return conditions, values


def _add(conditions: list[str], values: list[Any], condition: str, value: Any) -> None:
    if value is not None:
        conditions.append(condition)
        values.append(value if isinstance(value, str) else timestamps.from_datetime(value))


def _record(row: tuple[Any, ...]) -> InstanceRecord:
    instance_id, execution_id, name, version, status, *rest = row
    return InstanceRecord(instance_id, execution_id, name, version, RuntimeStatus(status), *rest)

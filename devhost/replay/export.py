"""The full stored history of an instance, as JSON to keep: ``python -m devhost export``.

The state file belongs to the host that runs, which holds an exclusive lock. So a copy of it is read: the
file first, then its write-ahead log, whose header must be the same before and after. Every change that a
checkpoint writes into the file meanwhile is in that log too, and SQLite cuts a half-written tail by its
checksums, so the copy is the state as of some commit. The host notices nothing.
"""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from devhost import timestamps
from devhost.errors import InstanceNotFound, StateFileError
from devhost.jsontext import value_or_string
from devhost.replay.recording import FORMAT
from devhost.state.records import InstanceRecord, is_entity
from devhost.state.store import Store

__all__ = ["export_instance", "to_text"]

_ATTEMPTS = 20
_WAL_HEADER = 32
_RECORDED_WITH = ("azure-functions", "azure-functions-durable")


def export_instance(state: Path, instance_id: str) -> dict[str, Any]:
    """Return the stored history of an instance: format, identity, versions, and all events in order.

    Do not call it in the process that runs the host on that file: closing a second handle on it would give up
    the host's lock. Raises StateFileError for a file that cannot be read and InstanceNotFound.
    """
    if not state.is_file():
        raise StateFileError(
            f"There is no state file {state}. Name it with --state; a host that was started with --in-memory "
            "has none (ask its management API with showHistory=true&showHistoryOutput=true instead)."
        )
    with tempfile.TemporaryDirectory(prefix="devhost-export-") as folder:
        copy = Path(folder) / "state.db"
        _copy(state, copy)
        record, events = _read(state, copy, instance_id)
    return _exported(record, events)


def _copy(state: Path, copy: Path) -> None:
    log, copied_log = _log_of(state), _log_of(copy)
    for _ in range(_ATTEMPTS):
        before = _header(log)
        try:
            shutil.copyfile(state, copy)
            copied_log.unlink(missing_ok=True)
            if log.exists():
                shutil.copyfile(log, copied_log)
        except OSError as error:
            raise StateFileError(f"The state file {state} cannot be read: {error.strerror}.") from error
        if _header(log) == before:
            return
    raise StateFileError(
        f"The state file {state} changes too fast to be copied. Try again when its host has less to do."
    )


def _log_of(state: Path) -> Path:
    return state.with_name(f"{state.name}-wal")


def _header(log: Path) -> bytes:
    try:
        with log.open("rb") as stream:
            return stream.read(_WAL_HEADER)
    except OSError:
        return b""


def _read(state: Path, copy: Path, instance_id: str) -> tuple[InstanceRecord, str]:
    try:
        store = Store.open(copy)
    except StateFileError as error:
        raise type(error)(str(error).replace(str(copy), str(state))) from error
    try:
        found = store.instance_with_history(instance_id)
    finally:
        store.close()
    if found is None:
        raise InstanceNotFound(instance_id)
    if is_entity(instance_id):
        raise StateFileError(f"'{instance_id}' is an entity; only orchestrations have a history.")
    return found


def _exported(record: InstanceRecord, events: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "name": record.name,
        "instanceId": record.instance_id,
        "executionId": record.execution_id,
        "version": record.version,
        "runtimeStatus": record.status.value,
        "createdTime": timestamps.text(record.created),
        "lastUpdatedTime": timestamps.text(record.updated),
        "input": value_or_string(record.input),
        "output": value_or_string(record.output),
        "customStatus": value_or_string(record.custom_status),
        "exportedWith": {"python": platform.python_version()}
        | {name: _installed(name) for name in _RECORDED_WITH},
        "events": json.loads(events),
    }


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def to_text(exported: dict[str, Any]) -> str:
    """Return the JSON text of an export with one event a line, which reads and compares well."""
    head = {key: value for key, value in exported.items() if key != "events"}
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    events = ",\n".join(f"    {json.dumps(one)}" for one in exported["events"])
    return "\n".join(["{", *lines, '  "events": [', events, "  ]", "}", ""])

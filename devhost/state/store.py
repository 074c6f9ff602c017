"""The state of the host in one SQLite file; the only module that knows SQL.

Everything that one step of the engine changes is one transaction, and nothing is sent before its commit: a
process that dies finds a consistent state again. Times are ticks (`devhost.timestamps`), values JSON text.

The file is opened with an exclusive lock, which the operating system gives back when the process dies, so a
second host on the same file is refused and a killed one leaves nothing behind.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from devhost.errors import StateFileError, StateFileInUse, StateFileVersion
from devhost.state.files import make_private
from devhost.state.queries import Queries
from devhost.state.records import ActivityTask, InstanceRecord, TimerRecord
from devhost.state.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION

__all__ = ["CommitHook", "Store", "Transaction"]

# Called with "before" or "after" and the number of the commit, from 1. A test that raises there kills the
# host.
CommitHook = Callable[[str, int], None]
_LOCK_WAIT_SECONDS = 0.5
# 32 MiB in the log before it is written back, at which time everything waits for the disk. Eight times the
# default of SQLite: the same page, written again and again, then goes to the disk once.
_CHECKPOINT_PAGES = 8192


class Transaction:
    """The changes of one step. Only valid inside of `Store.transaction`."""

    def __init__(self, connection: sqlite3.Connection):
        self._run = connection.execute
        self._run_many = connection.executemany

    def put_instance(self, one: InstanceRecord) -> None:
        """Insert or replace the row of an instance or entity."""
        self._run(
            "INSERT OR REPLACE INTO instances (instance_id, execution_id, name, version, status, input,"
            " output, custom_status, created, updated, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            one.row(),
        )

    def put_progress(self, one: InstanceRecord) -> None:
        """Update what an episode changes in the row of a running instance."""
        self._run(
            "UPDATE instances SET status = ?, output = ?, custom_status = ?, updated = ?"
            " WHERE instance_id = ?",
            (one.status, one.output, one.custom_status, one.updated, one.instance_id),
        )

    def delete_instance(self, instance_id: str) -> None:
        """Delete an instance with all that belongs to it, messages included."""
        self.delete_execution(instance_id)
        self._run("DELETE FROM history WHERE instance_id = ?", (instance_id,))
        self._run("DELETE FROM inbox WHERE instance_id = ?", (instance_id,))
        self._run("DELETE FROM instances WHERE instance_id = ?", (instance_id,))

    def delete_execution(self, instance_id: str) -> None:
        """Delete the open activities and timers of an instance."""
        self._run("DELETE FROM activities WHERE instance_id = ?", (instance_id,))
        self._run("DELETE FROM timers WHERE instance_id = ?", (instance_id,))

    def append_history(self, instance_id: str, events: str) -> None:
        """Add the joined texts of the events of one episode."""
        self._run("INSERT INTO history (instance_id, events) VALUES (?, ?)", (instance_id, events))

    def delete_history(self, instance_id: str) -> None:
        """Delete the whole history of an instance."""
        self._run("DELETE FROM history WHERE instance_id = ?", (instance_id,))

    def add_message(
        self, instance_id: str, execution_id: str | None, event: str, due: int | None = None
    ) -> int:
        """Add a message to an inbox; returns its number, which gives the order."""
        found = self._run(
            "INSERT INTO inbox (instance_id, execution_id, due, event) VALUES (?, ?, ?, ?)",
            (instance_id, execution_id, due, event),
        ).lastrowid
        assert found is not None
        return found

    def delete_messages(self, numbers: list[int]) -> None:
        """Delete messages that an episode has taken in."""
        self._run_many("DELETE FROM inbox WHERE number = ?", [(number,) for number in numbers])

    def add_activities(self, tasks: list[ActivityTask]) -> None:
        """Add activities that are to run."""
        self._run_many(
            "INSERT OR REPLACE INTO activities (instance_id, task_id, execution_id, name, input)"
            " VALUES (?, ?, ?, ?, ?)",
            [(t.instance_id, t.task_id, t.execution_id, t.name, t.input) for t in tasks],
        )

    def delete_activities(self, instance_id: str, task_ids: list[int]) -> None:
        """Delete activities whose end is in the history."""
        self._run_many(
            "DELETE FROM activities WHERE instance_id = ? AND task_id = ?",
            [(instance_id, number) for number in task_ids],
        )

    def add_timers(self, timers: list[TimerRecord]) -> None:
        """Add timers that are to fire."""
        self._run_many(
            "INSERT OR REPLACE INTO timers (instance_id, timer_id, execution_id, due, created) "
            "VALUES (?, ?, ?, ?, ?)",
            [(t.instance_id, t.timer_id, t.execution_id, t.due, t.created) for t in timers],
        )

    def delete_timers(self, instance_id: str, timer_ids: list[int]) -> None:
        """Delete timers that have fired or are cancelled."""
        self._run_many(
            "DELETE FROM timers WHERE instance_id = ? AND timer_id = ?",
            [(instance_id, number) for number in timer_ids],
        )


class Store(Queries):
    """The open state file. Thread-safe; reads see whole transactions only."""

    def __init__(self, connection: sqlite3.Connection, hook: CommitHook | None = None):
        self._connection = connection
        self._lock = threading.RLock()
        self._hook = hook
        self._commits = 0
        self._closed = False

    @classmethod
    def open(
        cls, path: Path | str | None, *, full_sync: bool = False, hook: CommitHook | None = None
    ) -> Store:
        """Open (or make) the state file at ``path``; None keeps the state in memory.

        ``full_sync`` waits for the disk at each commit: then even a loss of power loses nothing. Without it a
        killed process loses nothing either. Raises StateFileInUse, StateFileVersion or StateFileError.
        """
        name = ":memory:" if path is None else str(path)
        try:
            if path is not None:
                make_private(Path(path))  # its log, which SQLite makes, gets the same rights
            connection = sqlite3.connect(
                name, timeout=_LOCK_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
        except (sqlite3.Error, OSError) as error:
            raise StateFileError(f"The state file {name} cannot be opened: {error}.") from error
        try:
            _prepare(connection, name, full_sync)
        except BaseException:
            connection.close()
            raise
        return cls(connection, hook)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Run a block as one transaction: committed at its end, rolled back when it raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection)
                self._tell("before")
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._tell("after")

    def _tell(self, when: str) -> None:
        self._commits += when == "before"
        if self._hook is not None:
            self._hook(when, self._commits)

    @property
    def commits(self) -> int:
        """The number of commits so far (a rolled back one counts too)."""
        return self._commits

    def close(self) -> None:
        """Close the file and give back its lock; harmless when closed already."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._connection.close()


def _prepare(connection: sqlite3.Connection, name: str, full_sync: bool) -> None:
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        _check_version(name, application, version, tables)
        _check_pages(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if full_sync else 'NORMAL'}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute("BEGIN EXCLUSIVE")
        if not tables:
            for statement in SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StateFileInUse(
                f"The state file {name} is in use by another host. Stop that one, or name another file."
            ) from error
        raise StateFileError(f"The state file {name} cannot be used: {error}.") from error
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise StateFileVersion(
                f"{name} is no state file of this host ({error}). Name another file, or delete this one."
            ) from error
        raise StateFileError(
            f"The state file {name} is damaged or cut off ({error}). Put back a copy of it, or delete it "
            "(its instances are lost)."
        ) from error


def _check_pages(connection: sqlite3.Connection) -> None:
    """Look at all pages, at 1 ms a megabyte: a host should rather not start than stop in the middle."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        error = sqlite3.DatabaseError(" ".join(found.split()))
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _check_version(name: str, application: int, version: int, tables: int) -> None:
    if tables and application != APPLICATION_ID:
        raise StateFileVersion(
            f"{name} is a database, but no state file of this host. Name another file, or delete this one."
        )
    if tables and version != SCHEMA_VERSION:
        raise StateFileVersion(
            f"The state file {name} has format {version}; this host writes format {SCHEMA_VERSION}. "
            "Let the host that wrote it finish its work, then delete the file (its instances are lost)."
        )

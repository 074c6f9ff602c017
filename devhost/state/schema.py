"""The tables of the state file. A change here needs a new SCHEMA_VERSION."""

from __future__ import annotations

__all__ = ["APPLICATION_ID", "SCHEMA", "SCHEMA_VERSION"]

APPLICATION_ID = 0x44485354
SCHEMA_VERSION = 2

SCHEMA = (
    # Orchestration instances, and entities: those have an id like @name@key and their state in `state`.
    """CREATE TABLE instances (
        instance_id TEXT PRIMARY KEY,
        execution_id TEXT NOT NULL,
        name TEXT NOT NULL,
        version TEXT,
        status TEXT NOT NULL,
        input TEXT,
        output TEXT,
        custom_status TEXT,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        state TEXT
    )""",
    # The events of one episode are one row, joined by commas: a fan-out of a thousand is two rows, not
    # thousands.
    """CREATE TABLE history (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        instance_id TEXT NOT NULL,
        events TEXT NOT NULL
    )""",
    "CREATE INDEX history_of_instance ON history (instance_id)",
    # Messages not taken in yet. `execution_id` null: to the instance, whatever its execution.
    """CREATE TABLE inbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        instance_id TEXT NOT NULL,
        execution_id TEXT,
        due INTEGER,
        event TEXT NOT NULL
    )""",
    # Activities that have been scheduled and whose end is not in the history yet.
    """CREATE TABLE activities (
        instance_id TEXT NOT NULL,
        task_id INTEGER NOT NULL,
        execution_id TEXT NOT NULL,
        name TEXT NOT NULL,
        input TEXT,
        PRIMARY KEY (instance_id, task_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE timers (
        instance_id TEXT NOT NULL,
        timer_id INTEGER NOT NULL,
        execution_id TEXT NOT NULL,
        due INTEGER NOT NULL,
        created INTEGER NOT NULL,
        PRIMARY KEY (instance_id, timer_id)
    ) WITHOUT ROWID""",
)

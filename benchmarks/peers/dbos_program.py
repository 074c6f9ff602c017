"""DBOS on a SQLite file, in one process.

BENCH_SYNCHRONOUS NORMAL or FULL puts the file into WAL mode with that level; without it the file is as the
package makes it, with a rollback journal and FULL.
"""

# The packages are in an environment of their own, which the type checker does not see.
# pyright: reportMissingImports=false
from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from pathlib import Path

import measure
from dbos import DBOS, DBOSConfig
from sqlalchemy import event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "connect")
def _tuned(connection, _) -> None:
    level = os.environ.get("BENCH_SYNCHRONOUS")
    if level and isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {level}")


@DBOS.step()
async def same(value: int) -> int:
    """Return what it is given."""
    return value


@DBOS.step()
def increment(value: int) -> int:
    """Return the next number."""
    return value + 1


@DBOS.workflow()
async def fan_out(size: int) -> int:
    """Run many at once."""
    return sum(await asyncio.gather(*[same(n) for n in range(size)]))


@DBOS.workflow()
def chain(size: int) -> int:
    """Run one after the other."""
    value = 0
    for _ in range(size):
        value = increment(value)
    return value


class Dbos:
    """See `measure.Engine`."""

    def __init__(self, folder: Path) -> None:
        config: DBOSConfig = {
            "name": "bench",
            "system_database_url": f"sqlite:///{folder / 'bench.sqlite'}",
            "log_level": "ERROR",
        }
        DBOS(config=config)
        DBOS.launch()

    def fan_out(self, size: int) -> int:
        async def run() -> int:
            handle = await DBOS.start_workflow_async(fan_out, size)
            return await handle.get_result()

        return asyncio.run(run())

    def chain(self, size: int) -> int:
        return DBOS.start_workflow(chain, size).get_result()

    def chains(self, instances: int, size: int) -> list[int]:
        started = [DBOS.start_workflow(chain, size) for _ in range(instances)]
        return [one.get_result() for one in started]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        measure.run(Dbos(Path(name)))
        os._exit(0)

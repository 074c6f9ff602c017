"""Counts what runs have done, by the task hub of the embedded host."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devhost.orchestration.history import EventType


@dataclass(frozen=True)
class Work:
    """Activities that were started, and steps of orchestrators: from one wait to the next."""

    activities: int
    steps: int

    def since(self, before: Work) -> Work:
        """What came after a former count."""
        return Work(self.activities - before.activities, self.steps - before.steps)


def work(state: Path) -> Work:
    """What the runs have done so far.

    Ask while nothing is under way: the host keeps its file to itself, so a copy is read. A run that continued
    as new has forgotten what it did before.
    """
    steps = _steps(state)
    started = sum(event["EventType"] == EventType.TaskScheduled for step in steps for event in step)
    return Work(started, len(steps))


def events(state: Path) -> int:
    """How many events the histories of all runs have. Ask as for `work`."""
    return sum(len(step) for step in _steps(state))


def _steps(state: Path) -> list[list[dict[str, Any]]]:
    """The events of each step."""
    with tempfile.TemporaryDirectory() as folder:
        for file in state.parent.glob(f"{state.name}*"):
            with contextlib.suppress(FileNotFoundError):  # the log of changes comes and goes
                shutil.copy(file, folder)
        with contextlib.closing(sqlite3.connect(Path(folder) / state.name)) as hub:
            return [json.loads(f"[{events}]") for (events,) in hub.execute("SELECT events FROM history")]

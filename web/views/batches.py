"""What the pages say of batches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from invoicing.records.answers.batches import BatchStatus
from invoicing.report.words import OUTCOMES
from web.words import age, duration

#: Status of a batch -> what people call it, and the look of its badge.
STATUSES = {
    "running": ("running", "busy"),
    "stopping": ("stopping", "busy"),
    "completed": ("done", "good"),
    "stopped": ("stopped", "quiet"),
    "failed": ("failed", "bad"),
    "missing": ("not started", "bad"),
}
PHASES = {
    "waiting": "About to start",
    "unpacking": "Unpacking the files",
    "checking": "Checking the invoices",
    "claiming": "Looking for duplicates",
    "reporting": "Writing the report",
    "approval": "Waiting for approvals",
    "done": "Finishing",
    "completed": "Done",
    "stopped": "Stopped",
    "failed": "Failed",
    "missing": "Not started",
}
_TONES = {"valid": "good", "invalid": "bad", "unreadable": "bad", "duplicate": "warn", "set_aside": "warn"}


@dataclass(frozen=True)
class Batch:
    """A batch as a page shows it. `counts`: label, tone and number of each outcome that occurs."""

    id: str
    name: str
    word: str
    tone: str
    phase: str
    running: bool
    done: int
    total: int
    percent: int | None
    counts: list[tuple[str, str, int]]
    attention: int
    created: datetime
    age: str
    took: str | None
    has_report: bool
    stopping: bool
    error: str | None
    approvals_run: str | None = None


def batch_shown(
    status: BatchStatus, now: datetime, *, ended: datetime | None, stopping: bool = False
) -> Batch:
    """Shape the status of a batch. `ended`: when it did; `stopping`: somebody asked for it."""
    running = status.status == "running"
    word, tone = STATUSES["stopping" if running and stopping else status.status]
    counts = status.counts
    done = status.done
    total = status.total
    shown = [(label, _TONES[key], counts.get(key, 0)) for key, label in OUTCOMES.items()]
    return Batch(
        id=status.id,
        name=status.source or "Batch without a name",
        word=word,
        tone=tone,
        phase=PHASES.get(status.phase, status.phase.replace("_", " ").capitalize()),
        running=running,
        done=done,
        total=total,
        percent=None if not total else min(100, 100 * done // total),
        counts=[line for line in shown if line[2]],
        attention=sum(counts.values()) - counts.get("valid", 0),
        created=status.created,
        age=age(status.created, now),
        took=_took(status.created, ended),
        has_report=status.status == "completed",
        stopping=stopping,
        error=status.error.message if status.error else None,
        approvals_run=status.approvals.instance if status.approvals else None,
    )


def _took(created: datetime, ended: datetime | None) -> str | None:
    """How long it took, as far as the host tells: its times are whole seconds."""
    if ended is None:
        return None
    return duration(timedelta(seconds=max(1, round((ended - created).total_seconds()))))

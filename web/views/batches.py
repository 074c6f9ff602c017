"""What the pages say of batches, on top of what the API says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from invoicing.report.words import OUTCOMES
from web.words import age, as_moment, duration

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
    "approving": "Waiting for approvals",
    "booking": "Booking what was approved",
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
    created: datetime | None
    age: str
    took: str | None
    has_report: bool
    stopping: bool
    error: str | None
    approvals_run: str | None = None


def batch(body: Mapping[str, Any], now: datetime, *, ended: datetime | None, stopping: bool = False) -> Batch:
    """Shape the body of the API's status. `ended`: when it did; `stopping`: somebody asked for it."""
    status = body["status"]
    running = status == "running"
    if running and stopping:
        status = "stopping"
    word, tone = STATUSES.get(status, (status, "quiet"))
    counts, created = body["counts"] or {}, as_moment(body["created"])
    done, total = body["done"], body["total"]
    shown = [(label, _TONES[key], counts.get(key, 0)) for key, label in OUTCOMES.items()]
    return Batch(
        id=body["id"],
        name=body["source"] or "Batch without a name",
        word=word,
        tone=tone,
        phase=PHASES.get(body["phase"], str(body["phase"]).replace("_", " ").capitalize()),
        running=running,
        done=done,
        total=total,
        percent=None if not total else min(100, 100 * done // total),
        counts=[one for one in shown if one[2]],
        attention=sum(counts.values()) - counts.get("valid", 0),
        created=created,
        age=age(created, now) if created else "",
        took=_took(created, ended),
        has_report=status == "completed",
        stopping=stopping,
        error=_error(body.get("error")),
        approvals_run=(body.get("approvals") or {}).get("instance"),
    )


def _took(created: datetime | None, ended: datetime | None) -> str | None:
    """How long it took, as far as the host tells: its times are whole seconds."""
    if created is None or ended is None:
        return None
    return duration(timedelta(seconds=max(1, round((ended - created).total_seconds()))))


def _error(error: Any) -> str | None:
    if isinstance(error, Mapping):
        return str(error.get("message") or error.get("code") or "It failed; the log has the details.")
    return str(error) if error else None

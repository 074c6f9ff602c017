"""What the pages say of retention, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from invoicing.records.retention import Hold, KeptFor, RetentionRun
from invoicing.retention.terms import Terms
from web.words import duration

#: Why something old stays.
KEPT: dict[KeptFor, str] = {
    "hold": "held",
    "run": "still running",
    "case": "a run of it failed",
    "approval": "waits for approval",
    "payable": "not paid",
    "message": "somebody is still to be told",
    "fault": "could not be archived",
}
_OUTCOMES = {
    "running": ("busy", "runs"),
    "completed": ("good", "done"),
    "paused": ("quiet", "goes on with the next"),
    "failed": ("bad", "failed"),
}


@dataclass(frozen=True)
class RunShown:
    """A run as a line of the list."""

    began: datetime
    tone: str
    word: str
    counts: list[tuple[str, int]]
    kept: list[tuple[str, int]]
    bytes: int
    error: str | None


@dataclass(frozen=True)
class HoldShown:
    """A hold as a line of the list; `href`: where the thing is looked at, None where no page has it."""

    id: str
    href: str | None
    held: bool
    who: str
    why: str
    at: datetime


def terms(found: Terms, container: str, *, archive_documents: bool) -> list[tuple[str, str]]:
    """The settings in force as label and words."""
    where = f"in the container {container}"
    return [
        ("Batches", _kept(found.batches)),
        ("Invoices that came alone", _kept(found.invoices)),
        ("Documents as they came", _kept(found.documents, "as long as what they belong to")),
        ("Finished runs", _kept(found.runs)),
        ("What is booked counts as paid", _kept(found.paid_after, "never", "after")),
        ("Archive", f"{where}, {'with' if archive_documents else 'without'} the documents"),
    ]


def _kept(term: timedelta | None, without: str = "for good", before: str = "for") -> str:
    return without if term is None else f"{before} {duration(term)}"


def run_shown(run: RetentionRun) -> RunShown:
    """A run as the page shows it."""
    tone, word = _OUTCOMES[run.outcome]
    counts = run.counts
    listed = [
        ("batch", counts.batches),
        ("invoice", counts.invoices),
        ("document", counts.documents),
        ("blob", counts.blobs),
        ("run", counts.instances),
    ]
    return RunShown(
        began=run.began,
        tone=tone,
        word=word,
        counts=[(what, number) for what, number in listed if number],
        kept=[(KEPT[why], number) for why, number in run.kept.items()],
        bytes=counts.bytes,
        error=run.error,
    )


def named(run: RetentionRun) -> list[tuple[str, str | None, str, str]]:
    """Some of the old things that stay: id, address, why, and what is wrong."""
    return [(thing.id, href(thing.id), KEPT[thing.why], thing.text) for thing in run.named]


def hold_shown(hold: Hold) -> HoldShown:
    """A hold by its last event."""
    last = hold.events[-1]
    return HoldShown(hold.id, href(hold.id), hold.is_held, last.who, last.why, last.at)


def href(holdable: str) -> str | None:
    """The page of a batch; an invoice that came alone is looked at by its run."""
    if holdable.startswith("b"):
        return f"/batches/{holdable.partition('-')[0]}"
    return f"/runs/{holdable}"

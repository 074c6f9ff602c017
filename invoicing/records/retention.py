"""What is kept of things that were purged, what is on hold, and what each run of retention did."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from invoicing.records.base import Moment, Record, optional

ThingKind = Literal["batch", "invoice"]
"""A thing is a batch, or an invoice that came alone: what was taken in, and is archived, as one."""

PurgedPart = Literal["all", "documents"]
"""`documents`: only the documents as they came; the results stay where they are."""

KeptFor = Literal["hold", "run", "case", "approval", "payable", "message", "fault"]
"""Why something old stays: it is held, or something of it is open. `fault`: it could not be archived."""

#: Things that stay although they are old, as many as a run names.
MOST_NAMED = 20


class ArchivedFile(Record):
    """A blob of the archive that was written and read back; `size` in bytes."""

    name: str
    size: int
    sha256: str


class PurgeCounts(Record):
    """What was purged; `bytes`: of the blobs. `instances`: of the task hub."""

    batches: int = 0
    invoices: int = 0
    documents: int = 0
    blobs: int = 0
    bytes: int = 0
    instances: int = 0

    def plus(self, other: PurgeCounts) -> PurgeCounts:
        """Both together."""
        mine, more = self.model_dump(), other.model_dump()
        return PurgeCounts(**{name: mine[name] + more[name] for name in mine})


class Tombstone(Record):
    """What stands in the place of a thing that was purged: kept for good, so that it is never unknown.

    `marked`: nothing is deleted yet, and it may be called off. `deleting`: there is no way back. `purged`: it
    is done. `created`: when the thing was taken in. `record`: of the archive, None where the documents were
    purged alone and are not archived; `container` has it. `window`: of the run that purged it. `counts`: of
    what the purge takes away.
    """

    id: str
    kind: ThingKind
    part: PurgedPart
    stage: Literal["marked", "deleting", "purged"]
    at: Moment
    created: Moment
    record: ArchivedFile | None
    documents: tuple[ArchivedFile, ...] = ()
    container: str
    window: str
    counts: PurgeCounts = PurgeCounts()

    @property
    def text(self) -> str:
        """What people and programs are told who ask for it."""
        what = f"The {self.kind}" if self.part == "all" else f"The documents of the {self.kind}"
        verb = "was" if self.part == "all" else "were"
        place = self.record.name if self.record else None
        if place is None:
            return f"{what} {self.id} {verb} purged on {self.at:%Y-%m-%d}, as the settings say."
        return (
            f"{what} {self.id} {verb} archived and purged on {self.at:%Y-%m-%d}. "
            f"The archive (container {self.container}) has it as {place}."
        )


class HoldEvent(Record):
    """A hold was placed, or it ended; `who` says so, and `why`."""

    kind: Literal["placed", "ended"]
    who: str
    why: str
    at: Moment


class Hold(Record):
    """The legal holds of a batch, a document of a batch, or an invoice that came alone, one after the other.

    `id`: `b…`, `b…-17` or `i…`. The events are kept for good, also after the hold has ended.
    """

    id: str
    events: tuple[HoldEvent, ...]

    @property
    def is_held(self) -> bool:
        """Whether it is held now."""
        return bool(self.events) and self.events[-1].kind == "placed"


class KeptThing(Record):
    """Something old that stays, and why; `text`: what is wrong, where something is."""

    id: str
    why: KeptFor
    text: str = ""


class Place(Record):
    """How far the look for old things has come: a kind, and the token of the next page of its listing."""

    kind: ThingKind
    page: str | None = None


class RetentionRun(Record):
    """What one run of retention did so far.

    `paused`: its time was used up, and the next one goes on at `rest`. `windows`: of things, so far.
    `looked`: old things that were looked at. `kept`: how many of them stay, by why; `named`: some of those.
    `next`: when the oldest of the others gets old enough.
    """

    id: str
    began: Moment
    ended: Moment | None = None
    outcome: Literal["running", "completed", "paused", "failed"] = "running"
    counts: PurgeCounts = PurgeCounts()
    windows: int = 0
    looked: int = 0
    kept: dict[KeptFor, int] = Field(default_factory=dict[KeptFor, int])
    named: tuple[KeptThing, ...] = ()
    next: Moment | None = None
    rest: Place | None = None
    error: str | None = optional()

    def with_kept(self, thing: KeptThing) -> RetentionRun:
        """The same with one more thing that stays."""
        kept = {**self.kept, thing.why: self.kept.get(thing.why, 0) + 1}
        return self.model_copy(update={"kept": kept, "named": (*self.named, thing)[:MOST_NAMED]})


class HubWalk(Record):
    """How far the walk over the task hub has come, by the time at which instances were begun.

    `reached`: all that were begun before were looked at. `round`: when this walk over all of it began.
    """

    reached: Moment | None = None
    round: Moment | None = None

"""What the API says of retention and of legal holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from invoicing.records.answers.common import Damaged, Time, Whole
from invoicing.records.base import Record
from invoicing.records.retention import KeptFor, KeptThing, PurgeCounts

Days = Annotated[float | None, Field(description="null: for good.")]


class HoldStep(Record):
    """A hold was placed, or it ended."""

    kind: Literal["placed", "ended"]
    who: str
    why: str
    at: Time


class LegalHold(Record):
    """The holds of one thing, one after the other; kept for good."""

    id: Annotated[str, Field(description="b…, b…-17 or i….")]
    held: bool
    events: tuple[HoldStep, ...]


class NewHold(Record, extra="forbid"):
    """Holding something, or ending that."""

    why: Annotated[str, Field(max_length=500)]
    who: Annotated[
        str, Field(max_length=254, description="Who says so; not needed from a person who is signed in.")
    ] = ""


class RetentionTerms(Record):
    """The settings in force, in days."""

    batches: Days
    invoices: Days
    documents: Annotated[float | None, Field(description="null: with what they belong to.")]
    runs: Days
    paid_after: Annotated[float | None, Field(description="null: what is booked never counts as paid.")]
    archive_container: str
    archive_documents: bool


class RetentionRunTold(Record):
    """What a run did."""

    id: str
    began: Time
    ended: Time | None
    outcome: Literal["running", "completed", "paused", "failed"]
    counts: PurgeCounts
    looked: Annotated[Whole, Field(description="Old things that were looked at.")]
    kept: Annotated[dict[KeptFor, int], Field(description="How many of them stay, by why.")]
    named: Annotated[tuple[KeptThing, ...], Field(description="Some of those that stay.")]
    next: Annotated[Time | None, Field(description="When the oldest of the others gets old enough.")]
    error: str | None


class Retention(Record):
    """Settings, the last runs (the newest first), and holds (those that hold now first)."""

    terms: RetentionTerms
    runs: tuple[RetentionRunTold, ...]
    holds: tuple[LegalHold, ...]
    damaged: Damaged

"""What the API says of what runs wait for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from invoicing.records.answers.common import Time
from invoicing.records.base import Record
from invoicing.records.watching import Action, WaitKind


class WaitingRun(Record):
    """What a run waits for, and what may be done about it."""

    instance: str
    orchestrator: str
    waits_for: WaitKind
    since: Time
    until: Annotated[Time | None, Field(description="When the wait ends by itself, where that is known.")]
    who: Annotated[tuple[str, ...], Field(description="The people, where it is a person.")]
    last_failure: Annotated[str, Field(description="One line; empty where nothing failed.")]
    stuck: Annotated[bool, Field(description="It has waited for longer than the settings allow.")]
    actions: Annotated[tuple[Action, ...], Field(description="What may be done about it.")]
    advice: Annotated[str, Field(description="What a person can do, in words.")]


class StuckRuns(Record):
    """Runs that are stuck, the one that waits longest first."""

    runs: tuple[WaitingRun, ...]
    before: Annotated[
        Time | None, Field(description="Ask again with this for older runs; null: all were looked at.")
    ]


class RunActed(Record):
    """What was done about a run."""

    instance: str
    done: Action


class ActReason(Record, extra="forbid"):
    """Why something is done about a run; it stands in the ledger of an approval that is closed."""

    reason: Annotated[str, Field(max_length=500)] = ""

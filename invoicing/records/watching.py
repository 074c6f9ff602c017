"""What a run waits for, whether it is stuck, and what may be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from invoicing.records.base import Moment, Record

WaitKind = Literal[
    "start", "person", "goods", "mail", "receiver", "storage", "rules", "step", "approval", "time", "repair"
]
"""`start`: its own. `receiver`: whoever is to be told over HTTP. `step`: something that it is at work with.
`approval`: the runs of approvals that it has begun. `time`: a moment. `repair`: somebody to mend a fault."""

Action = Literal["restart", "rewind", "close", "reassign"]
"""`restart`: begin again, from what is stored. `rewind`: repeat the step that failed. `close`: end it, and
give back what it holds. `reassign`: let somebody else decide."""


@dataclass(frozen=True)
class WatchLimits:
    """How long a wait of each kind may last before the run counts as stuck."""

    start: timedelta = timedelta(minutes=10)
    outage: timedelta = timedelta(minutes=15)
    delivery: timedelta = timedelta(hours=1)
    person: timedelta = timedelta(days=14)
    quiet: timedelta = timedelta(hours=6)


@dataclass(frozen=True)
class WatchedRun:
    """A run as the task hub tells it; `status`: its runtime status."""

    instance: str
    orchestrator: str
    status: str
    created: datetime
    updated: datetime
    custom: Mapping[str, Any] = field(default_factory=dict[str, Any])
    input: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Failing:
    """What keeps failing in a run: the text of the last failure, and when it began."""

    failure: str
    since: datetime


class Watched(Record):
    """What a run waits for.

    `who`: the people, where it is a person. `until`: when the wait ends by itself, where that is known.
    `last_failure`: one line, empty where nothing failed.
    """

    instance: str
    orchestrator: str
    waits_for: WaitKind
    since: Moment
    until: Moment | None = None
    who: tuple[str, ...] = ()
    last_failure: str = ""
    is_stuck: bool
    actions: tuple[Action, ...] = ()
    advice: str

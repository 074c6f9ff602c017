"""What the pages say of a run that waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from invoicing.records.watching import Action, WaitKind, Watched
from web.views.timeline_chart import spoken
from web.words import age, enumerated, until

_WAITS: dict[WaitKind, str] = {
    "start": "its start",
    "person": "a person",
    "goods": "goods",
    "mail": "the mail server",
    "receiver": "an address that is to be told",
    "storage": "the storage",
    "rules": "rules, policy or settings",
    "step": "a step of its own",
    "approval": "approvals",
    "time": "its time",
    "repair": "somebody who mends a fault",
}


@dataclass(frozen=True)
class WaitLine:
    """One run that waits; `actions`: what may be done about it."""

    id: str
    title: str
    waits_for: str
    since: datetime
    age: str
    ends: str
    failure: str
    advice: str
    is_stuck: bool
    actions: tuple[Action, ...]

    @classmethod
    def of(cls, found: Watched, now: datetime) -> WaitLine:
        """The line of a run."""
        title = spoken(found.orchestrator)
        who = enumerated(list(found.who), "or")
        return cls(
            id=found.instance,
            title=title[:1].upper() + title[1:],
            waits_for=f"{_WAITS[found.waits_for]}: {who}" if who else _WAITS[found.waits_for],
            since=found.since,
            age=age(found.since, now),
            ends=until(found.until, now) if found.until else "",
            failure=found.last_failure,
            advice=found.advice,
            is_stuck=found.is_stuck,
            actions=found.actions,
        )

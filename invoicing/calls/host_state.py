"""One host, as all lists of calls see it: who may make how many calls, and whether it is to be left alone.

A circuit breaker: after some failures in a row the host is left alone for a pause (open). Then one list may
make one call (half-open). Where it is answered, all may call again (closed), else the next pause is longer.
A lease ends by itself, so one whose holder died holds nobody back for long.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field

from invoicing.records.api_calls import HostAsk, HostGrant, HostReport
from invoicing.records.base import Moment, Record, flag, optional

#: Failures in a row after which a host is left alone.
FAILURES = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=5)
#: When to ask again where others have all slots, or one of them looks whether the host is back.
NO_SLOT = timedelta(seconds=2)
#: A host that says "not before next year" is asked again earlier.
LONGEST_WISH = timedelta(days=1)


class Lease(Record):
    """Slots that a list has until `until`."""

    slots: int
    until: Moment
    probe: bool = flag()


class HostState(Record):
    """What is known of a host.

    `failures`: in a row. `opened`: since when it is left alone, `pauses`: how often in a row that was.
    `pause`: it wants no call before.
    """

    leases: dict[str, Lease] = Field(default_factory=dict[str, Lease])
    failures: int = 0
    opened: Moment | None = optional()
    pauses: int = 0
    pause: Moment | None = optional()

    @property
    def open_until(self) -> datetime | None:
        """Until when it is left alone; None where it is not."""
        if self.opened is None:
            return None
        return self.opened + min(FIRST_PAUSE * 2 ** min(self.pauses - 1, 10), LONGEST_PAUSE)


def acquire(state: HostState, ask: HostAsk) -> tuple[HostState, HostGrant]:
    """Give slots to a list, or say when it may ask again. Asked twice, it gets what it gets once."""
    others = {
        holder: lease
        for holder, lease in state.leases.items()
        if lease.until > ask.now and holder != ask.holder
    }
    grant = _grant(state, others, ask)
    leases = others
    if grant.slots:
        leases = {**others, ask.holder: Lease(slots=grant.slots, until=ask.until, probe=grant.probe)}
    return state.model_copy(update={"leases": leases}), grant


def report(state: HostState, said: HostReport) -> HostState:
    """Take in what became of the calls of a list, and take its slots back."""
    leases = {holder: lease for holder, lease in state.leases.items() if holder != said.holder}
    changes: dict[str, object] = {"leases": leases, "pause": _later(state.pause, _wish(said))}
    if said.failures == 0:
        if said.answered:
            changes |= {"failures": 0, "opened": None, "pauses": 0}
        return state.model_copy(update=changes)

    failures = said.failures + (0 if said.answered else state.failures)
    changes["failures"] = failures
    was_open = state.opened is not None and not said.answered
    if failures >= FAILURES or was_open:
        changes |= {"opened": said.now, "pauses": 1 + (state.pauses if was_open else 0)}
    elif said.answered:
        changes |= {"opened": None, "pauses": 0}
    return state.model_copy(update=changes)


def _grant(state: HostState, others: dict[str, Lease], ask: HostAsk) -> HostGrant:
    if state.pause is not None and ask.now < state.pause:
        return HostGrant(slots=0, again=state.pause)
    if (until := state.open_until) is not None:
        if ask.now < until:
            return HostGrant(slots=0, again=until)
        if any(lease.probe for lease in others.values()):
            return HostGrant(slots=0, again=ask.now + NO_SLOT)
        return HostGrant(slots=1, probe=True)
    free = ask.most - sum(lease.slots for lease in others.values())
    if free <= 0:
        return HostGrant(slots=0, again=ask.now + NO_SLOT)
    return HostGrant(slots=min(free, ask.wanted))


def _wish(said: HostReport) -> datetime | None:
    return min(said.pause, said.now + LONGEST_WISH) if said.pause else None


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)

"""The steps of retention: what its orchestration and activities take and give, bound to their names."""

from __future__ import annotations

from invoicing.records.base import Moment, Record, Step, flag, optional
from invoicing.records.retention import Place, RetentionRun

#: The one instance of retention: there are never two at the same time.
RETENTION_INSTANCE = "retention"


class RetentionJob(Record):
    """A run of retention; `until`: when its time is used up. `again`: an earlier run of it was lost.

    `place`: where it goes on, None: everything was looked at. `begun`: the run continued as new.
    """

    run: RetentionRun
    until: Moment
    place: Place | None = None
    begun: bool = flag()
    again: bool = flag()


RETENTION = Step("retention", RetentionJob, RetentionRun)


class Begun(Record):
    """The run as an earlier one left it, where that was lost."""

    run: RetentionRun
    place: Place | None


BEGIN_RETENTION = Step("begin_retention", RetentionJob, Begun)


class OldThings(Record):
    """The ids of some things that are old by their age alone, and where the look goes on.

    `next`: when the oldest of those that are too young gets old enough.
    """

    ids: tuple[str, ...]
    place: Place | None
    next: Moment | None = optional()


FIND_OLD = Step("find_old", Place, OldThings)


class PurgeJob(Record):
    """Things to look at and to purge; `run`: what the run did before."""

    run: RetentionRun
    ids: tuple[str, ...]


class Purged(Record):
    """What the run did up to now, and the things that were left for want of time."""

    run: RetentionRun
    left: tuple[str, ...] = ()


PURGE_OLD = Step("purge_old", PurgeJob, Purged)

END_RETENTION = Step("end_retention", RetentionRun, RetentionRun)

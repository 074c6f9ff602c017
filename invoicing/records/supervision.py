"""Work under way, and the runs of it that did not end as they should."""

from __future__ import annotations

from typing import Any, Literal

from invoicing.records.base import Moment, Record, optional

Verdict = Literal["wait", "restart", "stuck"]
"""What is to be done about a case now."""

CaseState = Literal["running", "waiting", "stuck"]
"""`running` again, `waiting` for its next start, or `stuck`: a person must look."""


Job = dict[str, Any]
"""What an orchestration was started with, whichever it is: kept and handed over as it is, and read by it."""


class OpenWork(Record):
    """What an instance stands for until it has ended: enough to start it again."""

    instance: str
    orchestrator: str
    input: Job


class FailedRun(Record):
    """A run that ended Failed; `failure` is the host's text."""

    work: OpenWork
    failure: str


class Case(OpenWork):
    """A run that did not end as it should, as long as that is not settled.

    `reason`: the failure's first line. `failed`: when it was first seen to have failed, or failed again.
    `wanted`: when a person asked for a start that is still to come. `restarts`: how often it was started
    again; `restarted`: when last. `is_running`: it was started again, and has not been seen to fail since.
    `closed`: when a person said that nothing more is to be done about it; it is kept for as long as the task
    hub has the run, since it would be started again otherwise.
    """

    reason: str
    is_lost: bool
    failed: Moment
    wanted: Moment | None = None
    restarts: int = 0
    restarted: Moment | None = None
    is_running: bool = False
    closed: Moment | None = optional()

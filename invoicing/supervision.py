"""What is to be done about a run that ended Failed, or is gone, while its work is not finished. Pure.

On the real host, an orchestration whose worker process dies at the wrong moment ends Failed for good. All our
orchestrators continue from what is stored when they are started again, so such a run is started again under
its own id: a few times, with growing pauses. A run that failed of itself has a fault, and a person must look.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from invoicing.failures import cause_of, first_line

#: Pauses before each new start: a lost worker is replaced in seconds, a bad deployment takes longer to mend.
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0, 10, 60, 300, 900, 3600, 14400))
#: A run that has held on for so long since its last start begins with a clean sheet.
RECOVERED_AFTER = timedelta(hours=1)

#: Orchestrations that are nobody's part: each is started again by the supervisor. The parts are called again
#: by the run that they belong to.
ROOTS = frozenset({"batch", "batch_approvals", "batch_document", "digest", "invoice", "notification"})

#: The reason of a case whose run the task hub does not know.
GONE = "The run is gone from the task hub, and its work is not finished."
_STALE = timedelta(seconds=5)

Verdict = Literal["wait", "restart", "stuck"]
State = Literal["running", "waiting", "stuck"]


class OpenWork(BaseModel):
    """What an instance stands for until it has ended: enough to start it again."""

    model_config = ConfigDict(frozen=True)

    instance: str
    orchestrator: str
    input: dict[str, Any]


class Case(OpenWork):
    """A run that did not end as it should, as long as that is not settled.

    `reason`: the failure's first line. `failed`: when it was first seen to have failed, or failed again.
    `restarts`: how often it was started again; `restarted`: when last. `is_running`: it was started again,
    and has not been seen to fail since.
    """

    reason: str
    is_lost: bool
    failed: AwareDatetime
    restarts: int = 0
    restarted: AwareDatetime | None = None
    is_running: bool = False

    @property
    def due(self) -> datetime | None:
        """When it is started again; None: not of itself, it is stuck."""
        if not self.is_lost or self.restarts >= len(PAUSES):
            return None
        return self.failed + PAUSES[self.restarts]

    @property
    def state(self) -> State:
        """`running` again, `waiting` for its next start, or `stuck`."""
        if self.is_running:
            return "running"
        return "waiting" if self.due else "stuck"

    def verdict(self, now: datetime) -> Verdict:
        """What is to be done about it now."""
        if self.is_running:
            return "wait"
        if self.due is None:
            return "stuck"
        return "restart" if now >= self.due else "wait"

    def started_again(self, now: datetime) -> Case:
        """The case after one more start."""
        changes = {"restarts": self.restarts + 1, "restarted": now, "is_running": True}
        return self.model_copy(update=changes)

    def has_held(self, now: datetime) -> bool:
        """Whether a run that goes on has done so for long enough to be forgotten here."""
        return self.restarted is not None and now - self.restarted >= RECOVERED_AFTER


def case_of(work: OpenWork, failure: str, seen: datetime, before: Case | None) -> Case:
    """The case of a run that was seen Failed at some moment; `before` is what was known of it."""
    return _case(work, first_line(failure), cause_of(failure) == "lost", seen, before)


def gone_case(work: OpenWork, seen: datetime, before: Case | None) -> Case:
    """The case of a run that the task hub does not know though its work is not finished."""
    return _case(work, GONE, True, seen, before)


def _case(work: OpenWork, reason: str, is_lost: bool, seen: datetime, before: Case | None) -> Case:
    """A failure that is known changes nothing: its pause has begun.

    Nor does one that was listed right when the run was started again: it may be the old one.
    """
    if before is not None and not before.is_running:
        return before
    if before is not None and before.restarted is not None and seen - before.restarted < _STALE:
        return before
    return Case(
        instance=work.instance,
        orchestrator=work.orchestrator,
        input=work.input,
        reason=reason,
        is_lost=is_lost,
        failed=seen,
        restarts=before.restarts if before else 0,
        restarted=before.restarted if before else None,
    )


def advice(case: Case) -> str:
    """What a person can do about a case, in words."""
    if case.is_running:
        return "It was started again, and runs."
    if case.due is not None:
        return "It is started again by itself."
    if case.is_lost:
        return "It was lost again and again. See that the workers are well, then start it again."
    return "It failed of itself. Read the reason and the log, mend the cause, then start it again."

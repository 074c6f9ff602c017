"""What a run waits for, and whether it is stuck, from what the task hub and the supervisor know of it. Pure.

The custom status says most of it. What it does not say, an outage that a step is waiting out, is in the
history, which costs a request: so it is looked at for runs that may be stuck only (`may_be_stuck`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from invoicing import supervision
from invoicing.failures import cause_of, error_type, first_line
from invoicing.records.approval_steps import APPROVAL
from invoicing.records.base import Moment
from invoicing.records.batch_approvals_steps import BATCH_APPROVALS
from invoicing.records.message_steps import DIGEST, NOTIFICATION
from invoicing.records.supervision import Case
from invoicing.records.watching import Action, Failing, WaitKind, Watched, WatchedRun, WatchLimits

#: Runs that can be closed alone. The documents that the other ones have begun would not know of it.
CLOSABLE = supervision.ROOTS - {BATCH_APPROVALS.name}

#: How much later than it should a stage or a delivery may end.
LATE = timedelta(hours=1)
_NO_STORAGE = ("StorageUnavailable", "StorageRefused")
_FAILED = ("TaskFailed", "SubOrchestrationInstanceFailed")
_DONE = ("TaskCompleted", "SubOrchestrationInstanceCompleted")
_MOMENT = TypeAdapter[datetime](Moment)

_ADVICE: dict[WaitKind, str] = {
    "start": "See that the workers are well: nobody has begun it.",
    "person": "Remind who is to decide, or note that they are away, so that somebody else decides.",
    "goods": "See whether the goods have come, and say so with a signal.",
    "mail": "See that the mail server and its settings are well. It is tried again by itself.",
    "receiver": "Ask whoever is to be told whether their address still answers. It is tried again by itself.",
    "storage": "See that the storage account answers, and its key and firewall. It goes on by itself.",
    "rules": "See that the official rules, the policy and the settings are well. It goes on by itself.",
    "step": "Look at its timeline and at the log: it is at work, or a step of it does not end.",
    "approval": "Look at the approvals that it has begun.",
    "time": "Nothing: it goes on when the time has come.",
    "repair": "",
}


@dataclass(frozen=True)
class _Wait:
    """`due`: when the run counts as stuck, None: not for this."""

    kind: WaitKind
    since: datetime
    due: datetime | None
    until: datetime | None = None
    who: tuple[str, ...] = ()
    failure: str = ""


def look_at(
    run: WatchedRun,
    limits: WatchLimits,
    now: datetime,
    *,
    case: Case | None = None,
    failing: Failing | None = None,
) -> Watched:
    """What a run that has not ended well waits for.

    `case`: what the supervisor knows of it. `failing`: what its history says, where that was read.
    """
    if case is not None and not case.is_running:
        return _of_case(run, case)
    wait = _wait_of(run, limits, failing)
    is_stuck = wait.due is not None and now >= wait.due
    actions: list[Action] = ["close"] if run.orchestrator in CLOSABLE else []
    if wait.kind == "person" and run.orchestrator == APPROVAL.name:
        actions.append("reassign")
    return Watched(
        instance=run.instance,
        orchestrator=run.orchestrator,
        waits_for=wait.kind,
        since=wait.since,
        until=wait.until,
        who=wait.who,
        last_failure=first_line(wait.failure),
        is_stuck=is_stuck,
        actions=tuple(actions),
        advice=_ADVICE[wait.kind],
    )


def may_be_stuck(run: WatchedRun, limits: WatchLimits, now: datetime) -> bool:
    """Whether it is worth a request to look closer at a run that is under way."""
    found = look_at(run, limits, now)
    return found.is_stuck or (found.waits_for == "step" and now - run.created >= limits.outage)


def failing(events: Iterable[Mapping[str, Any]]) -> Failing | None:
    """What fails in a run whose last step has failed; None where the last one that ended was done."""
    found: Failing | None = None
    for event in events:
        kind = event.get("EventType")
        if kind in _DONE:
            found = None
        elif kind in _FAILED:
            reason = first_line(str(event.get("Reason") or "it does not say why"))
            since = found.since if found else _moment(event.get("Timestamp"))
            found = Failing(reason, since) if since else found
    return found


def case_alone(case: Case) -> WatchedRun:
    """The run of a case that the task hub does not tell of."""
    return WatchedRun(case.instance, case.orchestrator, "Failed", case.failed, case.failed)


def _of_case(run: WatchedRun, case: Case) -> Watched:
    is_stuck = supervision.state(case) == "stuck"
    actions: list[Action] = ["restart"]
    # One that was lost again and again has no step that failed; one that is gone has no history.
    if is_stuck and run.status == "Failed" and not case.is_lost:
        actions.append("rewind")
    if case.orchestrator in CLOSABLE:
        actions.append("close")
    return Watched(
        instance=case.instance,
        orchestrator=case.orchestrator,
        waits_for="repair" if is_stuck else "start",
        since=case.failed,
        until=supervision.due(case),
        last_failure=case.reason,
        is_stuck=is_stuck,
        actions=tuple(actions),
        advice=supervision.advice(case),
    )


def _wait_of(run: WatchedRun, limits: WatchLimits, failing: Failing | None) -> _Wait:
    custom = run.custom
    if run.status == "Pending":
        return _Wait("start", run.created, run.created + limits.start)
    if run.status == "Suspended":
        return _Wait("person", run.updated, run.updated + limits.person)
    if isinstance(custom.get("stage"), str):
        return _of_stage(run, limits)
    if "order" in custom and "receipts" in custom and custom.get("ended") is None:
        until = _moment(custom.get("until"))
        return _Wait("goods", run.created, until + LATE if until else run.created + limits.person, until)
    if "attempts" in custom and custom.get("error"):
        kind: WaitKind = "mail" if run.orchestrator in (NOTIFICATION.name, DIGEST.name) else "receiver"
        since = run.created if failing is None else failing.since
        return _Wait(kind, since, since + limits.delivery, failure=str(custom["error"]))
    if custom.get("condition") in (
        "away",
        "refused",
    ):  # its own page says more
        return _Wait("mail", run.updated, None)
    if failing is not None:
        return _of_failing(run, limits, failing)
    if custom.get("phase") in ("approval", "approvals"):
        return _Wait("approval", run.updated, None)
    ends = _moment(run.input.get("ends"))
    if run.orchestrator == DIGEST.name and ends:
        return _Wait("time", run.created, ends + limits.delivery, ends)
    return _Wait("step", run.updated, run.updated + limits.quiet)


def _of_stage(run: WatchedRun, limits: WatchLimits) -> _Wait:
    """An approval: late where its deadline has passed and nothing came of it, or nobody can decide."""
    since = _moment(run.custom.get("since")) or run.updated
    until = _moment(run.custom.get("deadline"))
    named = run.custom.get("waiting_for")
    who = tuple(map(str, cast("list[object]", named))) if isinstance(named, list) else ()
    due = since + limits.person
    if until is not None:
        due = min(due, until + LATE) if until + LATE > since else since
    return _Wait("person", since, due if who else since, until, who)


def _of_failing(run: WatchedRun, limits: WatchLimits, failing: Failing) -> _Wait:
    kind: WaitKind = "step"
    if cause_of(failing.failure) == "outage":
        kind = "storage" if error_type(failing.failure) in _NO_STORAGE else "rules"
    return _Wait(kind, failing.since, failing.since + limits.outage, failure=failing.failure)


def _moment(value: object) -> datetime | None:
    """A time with a zone; None for what is none. The host writes UTC."""
    try:
        return _MOMENT.validate_python(value)
    except ValidationError:
        return None


def summary(stuck: Iterable[Watched], *, is_all: bool) -> str:
    """One line for the log: how many, and the one that waits longest; empty where there is none."""
    found = sorted(stuck, key=lambda one: one.since)
    if not found:
        return ""
    oldest = found[0]
    count = f"{len(found)}" if is_all else f"at least {len(found)}"
    verb = "run is" if len(found) == 1 else "runs are"
    return (
        f"{count} {verb} stuck; the oldest, {oldest.orchestrator} {oldest.instance}, waits for "
        f"{oldest.waits_for} since {oldest.since.isoformat(timespec='seconds')}"
    )

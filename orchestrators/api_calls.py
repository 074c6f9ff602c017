"""A list of calls to other hosts: in rounds, with slots from the entity of each host, until its deadline.

    ask the hosts for slots -> make the calls that are due -> tell the hosts how it went -> wait -> again

How far each call is stands in storage: a round is given no list, and the history has counts and hosts only.
After some rounds it continues as new, so a list that waits for a day for a host does not grow.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df
from pydantic import ValidationError

from invoicing.records.api_calls import (
    ACQUIRE,
    API_CALLS,
    API_HOST,
    CALL_ROUND,
    REPORT,
    CallsJob,
    CallsProgress,
    CallsResult,
    HostAsk,
    HostGrant,
    HostReport,
    HostWork,
    RoundDone,
    RoundJob,
)
from orchestrators.retry import ActivityGaveUp
from orchestrators.sdk import is_done
from orchestrators.steps import call, input_of
from orchestrators.waiting import any_done_before, sleep_until

bp = df.Blueprint()

#: Rounds of one run; the next run goes on from what is stored.
ROUNDS = 10
#: Rounds after which the pauses are longer at least.
MANY = 40
#: A lease ends by itself after the longest round: calls begin for half a minute and last two at most.
LEASE = timedelta(minutes=5)
#: Hosts that do not answer in this time are called without a lease.
PATIENCE = timedelta(minutes=1)
#: Pauses between two rounds: so that calls whose time comes are made together, and a stop is seen.
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(minutes=5)

_Grants = dict[str, HostGrant]


@bp.orchestration_trigger(context_name="context", orchestration=API_CALLS.name)
def api_calls(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Make the calls of a list. Its types are those of `API_CALLS`, its custom status is `CallsProgress`."""
    job = input_of(context, API_CALLS)
    try:
        for _ in range(ROUNDS):
            done = yield from _round(context, job)
            if done.state != "going":
                status = "stopped" if done.state == "stopped" else "completed"
                return API_CALLS.written_output(
                    CallsResult(status=status, total=job.total, counts=done.counts)
                )
            job = _onward(job, done)
            yield from sleep_until(context, _next_round(context.current_utc_datetime, job))
    except ActivityGaveUp as failure:
        failed = CallsResult(status="failed", total=job.total, error=str(failure))
        return API_CALLS.written_output(failed)
    context.continue_as_new(API_CALLS.written_input(job))
    return None


def _round(context: df.DurableOrchestrationContext, job: CallsJob) -> Generator[Any, Any, RoundDone]:
    """One round: slots, calls, and what is told to the hosts."""
    now = context.current_utc_datetime
    due = [host for host, work in job.hosts.items() if work.left and (work.due is None or work.due <= now)]
    grants: _Grants = {}
    if now < job.deadline:
        grants = yield from _slots(context, job, due)
    round_job = RoundJob(
        calls=job.calls,
        deadline=job.deadline,
        is_over=now >= job.deadline,
        limits=job.limits,
        grants={host: grant for host, grant in grants.items() if grant.slots},
        seed=str(context.new_uuid()),
    )
    done = yield from call(context, CALL_ROUND, round_job)
    _tell(context, job, round_job, done)
    _show(context, job, done)
    return _with_waits(done, grants)


def _slots(
    context: df.DurableOrchestrationContext, job: CallsJob, hosts: list[str]
) -> Generator[Any, Any, _Grants]:
    """Ask the hosts for slots. One that cannot say is called with those that the list itself allows."""
    now = context.current_utc_datetime
    wanted = min(job.limits.per_host, job.limits.parallel)
    ask = HostAsk(holder=job.calls, wanted=wanted, most=job.host_most, now=now, until=now + LEASE)
    tasks = {
        host: context.call_entity(df.EntityId(API_HOST, host), ACQUIRE, ask.as_plain()) for host in hosts
    }
    for task in tasks.values():
        yield from any_done_before(context, [task], min(now + PATIENCE, job.deadline))
    return {host: _granted(task, wanted) for host, task in tasks.items()}


def _granted(task: Any, wanted: int) -> HostGrant:
    try:
        return HostGrant.model_validate(task.result) if is_done(task) else HostGrant(slots=wanted)
    except (ValidationError, TypeError):
        return HostGrant(slots=wanted)


def _tell(
    context: df.DurableOrchestrationContext, job: CallsJob, round_job: RoundJob, done: RoundDone
) -> None:
    """Give the slots back, and tell the hosts how it went; nobody waits for that."""
    now = context.current_utc_datetime
    for host in round_job.grants:
        seen = done.hosts.get(host)
        said = HostReport(
            holder=job.calls,
            answered=seen.answered if seen else False,
            failures=seen.failures if seen else 0,
            now=now,
            pause=seen.pause if seen else None,
        )
        context.signal_entity(df.EntityId(API_HOST, host), REPORT, said.as_plain())


def _with_waits(done: RoundDone, grants: _Grants) -> RoundDone:
    """The same, where a host that gave no slots is asked again when it said."""
    waits = {host: grant.again for host, grant in grants.items() if not grant.slots and grant.again}
    hosts = {
        host: work.model_copy(update={"due": _later(work.due, waits.get(host) or work.pause)})
        for host, work in done.hosts.items()
    }
    return done.model_copy(update={"hosts": hosts})


def _onward(job: CallsJob, done: RoundDone) -> CallsJob:
    hosts = {host: HostWork(left=work.left, due=work.due) for host, work in done.hosts.items() if work.left}
    return job.model_copy(update={"hosts": hosts, "round": job.round + 1})


def _next_round(now: datetime, job: CallsJob) -> datetime:
    """When the next round begins: when a call is due, after a pause where none is, never after the end."""
    dues = [work.due for work in job.hosts.values()]
    if None in dues:
        return now
    shortest = SHORTEST if job.round < MANY else 5 * SHORTEST
    soonest = min((due for due in dues if due is not None), default=now)
    return min(max(soonest, now + shortest), now + LONGEST, max(job.deadline, now))


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def _show(context: df.DurableOrchestrationContext, job: CallsJob, done: RoundDone) -> None:
    waiting = sum(1 for work in done.hosts.values() if work.left)
    progress = CallsProgress(done=sum(done.counts.values()), total=job.total, waiting_hosts=waiting)
    context.set_custom_status(progress.as_plain())

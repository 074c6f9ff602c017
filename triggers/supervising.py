"""The supervisor's timers, and what the API and the pages say of runs that are not well."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters import services
from invoicing import supervision
from invoicing.records.answers import operation as answers
from invoicing.records.supervision import Case, FailedRun, OpenWork
from invoicing.run_values import json_object
from stores import supervised
from triggers.errors import Refused
from triggers.responses import answer, answers_errors
from triggers.statuses import runs_begun
from usecases import supervise
from usecases.supervise import NoCase
from web.run_listing import PAGE, newest
from web.views.runs import Run

bp = df.Blueprint()

#: How far back the quick look goes, by the time at which a run was begun, and the slow one.
RECENT = timedelta(days=2)
LONG_AGO = timedelta(days=90)
#: Failed runs that one look takes in; the rest comes with the next.
MOST = 500
_SKEW = timedelta(minutes=2)  # the host's clock may be ahead of ours


@bp.timer_trigger(arg_name="timer", schedule="*/30 * * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def supervise_recent(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Start again the runs of the last days that were lost with their worker process."""
    await look(client, datetime.now(UTC), RECENT)


@bp.timer_trigger(arg_name="timer", schedule="20 */10 * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def supervise_all(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Start again what was lost long after its beginning, and what is gone from the task hub."""
    now = datetime.now(UTC)
    await look(client, now, LONG_AGO)
    started = await supervise.restart_gone(services.current().blobs, client, now)
    if started:
        logging.warning("%d runs that were gone were started again", len(started))


async def look(client: df.DurableOrchestrationClient, now: datetime, back: timedelta) -> list[Case]:
    """One look at failed runs that began since `now - back`; returns the cases that were started again."""

    async def fetch(start: datetime, end: datetime, prefix: str) -> Sequence[Run]:
        return await runs_begun(client, start, end, prefix, [Runtime.Failed])

    runs = await fetch(now - back, now + _SKEW, "")
    if len(runs) >= PAGE:  # the host lists no more at a time
        runs = (await newest(fetch, now, MOST, lambda run: True)).runs
    # The approvals of a batch that waits for them are a part of it: the batch calls them again.
    failed = [failed_run(run) for run in runs if not _is_awaited(run)]
    return await supervise.restart_failed(services.current().blobs, client, failed, now)


def failed_run(run: Run) -> FailedRun:
    """A failed run as the supervisor takes it."""
    return FailedRun(
        work=OpenWork(instance=run.id, orchestrator=run.name, input=dict(json_object(run.input))),
        failure=str(run.output or ""),
    )


def _is_awaited(run: Run) -> bool:
    return json_object(run.input).get("awaited") is True


@bp.route(route="api/cases", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def list_cases(req: func.HttpRequest) -> func.HttpResponse:
    """Runs that failed or are gone while their work is not finished, and what can be done about each."""
    cases = await asyncio.to_thread(shown_cases)
    return answer(answers.Cases(cases=tuple(case_answer(case) for case in cases)))


@bp.route(route="api/cases/{id}/restart", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def restart_case(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start a run again because a person says so: it continues from what is stored."""
    return answer(case_answer(await restart(client, req.route_params["id"])), 202)


def shown_cases() -> list[Case]:
    """The cases that are not settled, without those that people have closed."""
    return [case for case in supervised.cases(services.current().blobs) if case.closed is None]


async def restart(client: df.DurableOrchestrationClient, instance: str) -> Case:
    """Start a case again. Raises Refused (404)."""
    try:
        return await supervise.restart_now(services.current().blobs, client, instance, datetime.now(UTC))
    except NoCase as error:
        raise Refused(404, "unknown_case", "There is no case of this run. It may be settled.") from error


def case_answer(case: Case) -> answers.Case:
    """A case as the API tells it."""
    return answers.Case(
        instance=case.instance,
        orchestrator=case.orchestrator,
        state=supervision.state(case),
        reason=case.reason,
        failed=case.failed,
        restarts=case.restarts,
        restarted=case.restarted,
        next=None if case.is_running else supervision.due(case),
        advice=supervision.advice(case),
    )

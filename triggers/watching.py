"""The watch for what is stuck: a line in the log, and the API of what runs wait for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters import services
from invoicing import watching
from invoicing.records.answers.watching import ActReason, RunActed, StuckRuns, WaitingRun
from invoicing.records.supervision import Case
from invoicing.records.watching import Watched, WatchedRun
from invoicing.run_values import json_object
from stores import supervised
from triggers.durable_client import Event, history_of
from triggers.errors import Refused
from triggers.json_bodies import lengths_of, read_texts
from triggers.responses import answer, answers_errors
from triggers.statuses import is_instance_id, runs_begun
from triggers.supervising import restart, shown_cases
from usecases.end_run import close_run, rewind_run
from web.run_listing import newest
from web.views.runs import Run, is_part, run_of
from web.words import as_moment

bp = df.Blueprint()

#: Stuck runs of one look, and histories that are read for it.
MOST = 50
_HISTORIES_AT_ONCE = 4
_OPEN = [Runtime.Pending, Runtime.Running, Runtime.ContinuedAsNew, Runtime.Suspended]
# There was no run before; at the edges of time one cannot count back.
_FIRST_RUNS = datetime(2001, 1, 1, tzinfo=UTC)
_NO_REASON = "A person closed it."


@dataclass(frozen=True)
class Look:
    """Runs that are stuck, the oldest wait first; `before`: where the next look goes on, if it does."""

    stuck: list[Watched]
    before: datetime | None


@bp.timer_trigger(arg_name="timer", schedule="50 4-59/10 * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def watch_runs(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Write one line into the log where something is stuck."""
    found = await look(client, services.current().clock())
    if text := watching.summary(found.stuck, is_all=found.before is None):
        logging.warning("%s", text)


async def look(client: df.DurableOrchestrationClient, now: datetime, before: datetime | None = None) -> Look:
    """Look at runs that were begun before a moment, the newest first, until enough are stuck.

    Cases are told with the first look. The number of requests is bounded (`web.run_listing`).
    """
    limits = services.current().settings.watch
    cases = {case.instance: case for case in await asyncio.to_thread(shown_cases)}

    async def fetch(start: datetime, end: datetime, prefix: str) -> Sequence[Run]:
        return await runs_begun(client, start, end, prefix, _OPEN)

    def may_be_stuck(run: Run) -> bool:
        return not is_part(run.id) and watching.may_be_stuck(as_watched(run), limits, now)

    listing = await newest(fetch, min(before or now, now), MOST, may_be_stuck)
    gate = asyncio.Semaphore(_HISTORIES_AT_ONCE)

    async def closer(run: Run) -> Watched:
        async with gate:
            return await _closer(client, as_watched(run), cases.get(run.id), now)

    found = await asyncio.gather(*(closer(run) for run in listing.runs if may_be_stuck(run)))
    known = {one.instance for one in found}
    alone = [case for case in cases.values() if before is None and case.instance not in known]
    found += [watching.look_at(watching.case_alone(case), limits, now, case=case) for case in alone]
    stuck = sorted((one for one in found if one.is_stuck), key=lambda one: (one.since, one.instance))
    return Look(stuck, listing.older)


async def wait_of(run: Run, events: Sequence[Event], now: datetime) -> Watched | None:
    """What a run waits for whose history is known; None where it has ended well."""
    if run.ended and run.status != "Failed":
        return None
    case = await asyncio.to_thread(supervised.case_of, services.current().blobs, run.id)
    case = None if case is None or case.closed is not None else case
    if run.ended and (case is None or case.is_running):
        return None
    limits, failing = services.current().settings.watch, watching.failing(events)
    return watching.look_at(as_watched(run), limits, now, case=case, failing=failing)


async def look_at(client: df.DurableOrchestrationClient, instance: str, now: datetime) -> Watched | None:
    """What one run waits for; None where it has ended well, or there is none."""
    case = await asyncio.to_thread(supervised.case_of, services.current().blobs, instance)
    case = None if case is None or case.closed is not None else case
    status: Any = await client.get_status(instance)
    run = run_of(status) if status else None
    if run is None:
        alone = watching.case_alone(case) if case else None
        return watching.look_at(alone, services.current().settings.watch, now, case=case) if alone else None
    if run.ended and (case is None or case.is_running):
        return None
    return await _closer(client, as_watched(run), case, now)


async def _closer(
    client: df.DurableOrchestrationClient, run: WatchedRun, case: Case | None, now: datetime
) -> Watched:
    """A run with what its history says, where that may change something."""
    limits = services.current().settings.watch
    found = watching.look_at(run, limits, now, case=case)
    if found.waits_for != "step":
        return found
    status: Any = await client.get_status(run.instance, True, False, False)
    failing = watching.failing(history_of(status)) if status else None
    return watching.look_at(run, limits, now, case=case, failing=failing)


def as_watched(run: Run) -> WatchedRun:
    """A run as the watch takes it."""
    return WatchedRun(
        instance=run.id,
        orchestrator=run.name,
        status=run.status,
        created=run.created,
        updated=run.updated,
        custom=json_object(run.custom),
        input=json_object(run.input),
    )


# ---------------------------------------------------------------- the API


@bp.route(route="api/stuck", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def list_stuck(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Runs that are stuck: what each waits for, since when, and what may be done."""
    found = await look(client, datetime.now(UTC), before_of(req))
    runs = tuple(waiting_run(one) for one in found.stuck)
    return answer(StuckRuns(runs=runs, before=found.before))


@bp.route(route="api/stuck/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def get_waiting(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """What one run waits for, stuck or not."""
    found = await look_at(client, known_id(req), datetime.now(UTC))
    if found is None:
        raise _unknown()
    return answer(waiting_run(found))


@bp.route(route="api/stuck/{id}/close", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def close_stuck(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """End a run for good, and give back what it holds."""
    await close(client, known_id(req), _reason(req))
    return answer(RunActed(instance=req.route_params["id"], done="close"))


@bp.route(route="api/stuck/{id}/rewind", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def rewind_stuck(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Repeat the step of a run that failed."""
    await rewind(client, known_id(req), _reason(req))
    return answer(RunActed(instance=req.route_params["id"], done="rewind"), 202)


@bp.route(route="api/stuck/{id}/restart", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@answers_errors
async def restart_stuck(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Begin a run again, from what is stored."""
    await restart(client, known_id(req))
    return answer(RunActed(instance=req.route_params["id"], done="restart"), 202)


async def close(client: df.DurableOrchestrationClient, instance: str, reason: str) -> None:
    """Close a run. Raises as `close_run`."""
    await close_run(services.current(), client, instance, reason or _NO_REASON, datetime.now(UTC))
    logging.warning("a person closed the run %s", instance)


async def rewind(client: df.DurableOrchestrationClient, instance: str, reason: str) -> None:
    """Rewind a run. Raises as `rewind_run`."""
    await rewind_run(services.current(), client, instance, reason or "by hand", datetime.now(UTC))
    logging.warning("a person rewound the run %s", instance)


def known_id(req: func.HttpRequest) -> str:
    """The run of the address. Raises Refused (404) for what can be none."""
    instance = req.route_params["id"]
    if not is_instance_id(instance):
        raise _unknown()
    return instance


def _unknown() -> Refused:
    return Refused(404, "unknown_run", "There is no run of this id that has not ended.")


def before_of(req: func.HttpRequest) -> datetime | None:
    """The moment in the query from which one looks back. Raises Refused (400)."""
    text = req.params.get("before", "")
    found = as_moment(text)
    if text and found is None:
        raise Refused(400, "bad_before", "before is a time, such as 2026-05-04T12:00:00Z.")
    return max(found, _FIRST_RUNS) if found else None


def _reason(req: func.HttpRequest) -> str:
    """The reason in a body, which may be missing."""
    return read_texts(req, lengths_of(ActReason)).get("reason", "").strip() if req.get_body() else ""


def waiting_run(found: Watched) -> WaitingRun:
    """What a run waits for, as the API tells it."""
    return WaitingRun(
        instance=found.instance,
        orchestrator=found.orchestrator,
        waits_for=found.waits_for,
        since=found.since,
        until=found.until,
        who=found.who,
        last_failure=found.last_failure,
        stuck=found.is_stuck,
        actions=found.actions,
        advice=found.advice,
    )

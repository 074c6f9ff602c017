"""`/runs`: every instance of an orchestration, and one of them with its timeline."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from adapters import services
from invoicing.approval import names
from invoicing.batch_ids import is_batch_id
from invoicing.callbacks.subscriptions import told_target
from invoicing.retention.names import LENGTH, is_thing
from invoicing.run_values import json_object
from stores.blobs import StorageError
from triggers.durable_client import history_of
from triggers.errors import Refused
from triggers.pages_common import administrator, checked_form, page, page_response, redirect
from triggers.statuses import LONGEST_ID, is_instance_id, runs_begun
from triggers.supervising import restart, shown_cases
from triggers.watching import wait_of
from usecases.end_run import LONGEST_REASON
from usecases.holding import of_instance
from usecases.subscribe import told_of
from web.run_listing import newest
from web.views.callbacks import CallbackLine
from web.views.cases import CaseLine
from web.views.failures import Failure, failure
from web.views.runs import (
    FILTERS,
    STATUSES,
    Run,
    events_table,
    families_near,
    is_part,
    newest_first,
    own_parts,
    part_names,
    run_of,
    shown,
    waiting_for,
)
from web.views.stuck import WaitLine
from web.views.timeline import KINDS, Kind, Timeline, timeline
from web.views.timeline_chart import MOST_ROWS, chart, spoken
from web.words import as_moment, duration

bp = df.Blueprint()

_PAGE = 50
#: Seconds until the page of a run that has not ended renews itself.
REFRESH = 10
# There was no run before; at the edges of time one cannot count back.
_FIRST_RUNS = datetime(2001, 1, 1, tzinfo=UTC)
# Parts are looked for near the moment when they were started; more kinds of runs than this began rarely then.
_MOST_FAMILIES = 4
_MOST_PARTS = 100


@dataclass(frozen=True)
class Wanted:
    """What the address of the list asks for."""

    status: str = ""
    name: str = ""
    id: str = ""
    parts: bool = False
    before: datetime | None = None

    @property
    def narrows(self) -> bool:
        """Whether something may be left out."""
        return bool(self.status or self.name or self.id)

    def keeps(self, run: Run) -> bool:
        """Say whether a run of the right status is to be shown."""
        return (
            (self.parts or bool(self.id) or not is_part(run.id))
            and self.name in f"{run.name.lower()} {run.title.lower()}"
            and run.id.startswith(self.id)
        )

    def older(self, before: datetime) -> str:
        """The address of what comes after, in time before."""
        values = {"status": self.status, "name": self.name, "id": self.id, "parts": "1" if self.parts else ""}
        given = {name: value for name, value in values.items() if value}
        return f"/runs?{urlencode(given | {'before': before.isoformat()})}"


@bp.route(route="runs", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def page_runs(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """All runs, the newest first, as the address narrows them."""
    identity = await administrator(req)
    wanted = _wanted(req)
    now = datetime.now(UTC)
    statuses = [Runtime[name] for name in FILTERS[wanted.status][1]] if wanted.status else None

    async def fetch(start: datetime, end: datetime, prefix: str) -> Sequence[Run]:
        if wanted.id and not (wanted.id.startswith(prefix) and is_instance_id(wanted.id)):
            return []
        return await runs_begun(client, start, end, wanted.id or prefix, statuses)

    found = await newest(fetch, wanted.before or now, _PAGE, wanted.keeps)
    cases = [] if wanted.narrows or wanted.before else await asyncio.to_thread(shown_cases)
    return page_response(
        "runs.html",
        req=req,
        identity=identity,
        cases=[CaseLine.of(case) for case in cases],
        again=req.params.get("again") == "1",
        runs=found.runs,
        older=wanted.older(found.older) if found.older else None,
        complete=found.complete,
        wanted=wanted,
        statuses=[(value, label) for value, (label, _) in FILTERS.items()],
        now=now,
    )


@bp.route(route="runs/{id}/restart", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def restart_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start a run that is not well again."""
    identity = await administrator(req)
    await asyncio.to_thread(checked_form, req, identity)
    await restart(client, req.route_params["id"])
    return redirect("/runs?again=1")


@bp.route(route="runs/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
@page
async def page_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """One run: how it stands, why it failed, and its timeline; it renews itself until the run has ended."""
    identity = await administrator(req)
    instance = req.route_params["id"]
    status = await client.get_status(instance, True, True, True) if is_instance_id(instance) else None
    run = run_of(status) if status else None
    if run is None or status is None:
        raise Refused(404, "unknown_run", "There is no run of this id. It may have been removed since.")
    now = datetime.now(UTC)
    line = timeline(history_of(status), now, waiting_for(run.custom))
    live = None if run.ended else req.params.get("live") != "off"
    return page_response(
        "run.html",
        req=req,
        identity=identity,
        headers={"Refresh": str(REFRESH)} if live else {},
        run=run,
        now=now,
        lasted=duration(line.length) if line and run.ended else run.lasted(now),
        live=live,
        every=REFRESH,
        chart=chart(line) if line else None,
        kinds=[kind for kind in KINDS if line and any(bar.kind == kind for bar in line.bars)],
        table=events_table(line, MOST_ROWS) if line else [],
        total=len(line.bars) if line else 0,
        failures=_failures(run, line),
        links=_links(instance, run),
        wait=await _wait(run, status, now),
        longest=LONGEST_REASON,
        callbacks=await asyncio.to_thread(_callbacks, instance),
        holdable=instance[:LENGTH] if is_thing(instance[:LENGTH]) else None,
        holds=await asyncio.to_thread(of_instance, services.current().blobs, instance),
        values=[
            (label, text)
            for label, value in (("Input", run.input), ("Custom status", run.custom), ("Output", run.output))
            if (text := shown(value))
        ],
        part_runs=await _parts(client, line) if line else [],
    )


# ---------------------------------------------------------------- steps


async def _wait(run: Run, status: Any, now: datetime) -> WaitLine | None:
    """What it waits for; None where it has ended well."""
    found = await wait_of(run, history_of(status), now)
    return WaitLine.of(found, now) if found else None


def _wanted(req: func.HttpRequest) -> Wanted:
    status = req.params.get("status", "")
    before = as_moment(req.params.get("before"))
    return Wanted(
        status=status if status in FILTERS else "",
        name=req.params.get("name", "").strip().lower()[:100],
        id=req.params.get("id", "").strip()[:LONGEST_ID],
        parts=req.params.get("parts", "") in ("1", "on"),
        before=None if before is None else min(max(before, _FIRST_RUNS), datetime.now(UTC)),
    )


def _failures(run: Run, line: Timeline | None) -> list[tuple[str, Failure]]:
    """Why a run failed, and which of its steps did; the run's own reason comes first."""
    found: list[tuple[str, Any]] = []
    if run.status == "Failed":
        found.append(("Why it failed", run.output))
    elif run.status in ("Terminated", "Canceled"):
        found.append((f"It was {STATUSES[run.status]}", run.output or "No reason is given."))
    elif error := json_object(run.output).get("error"):
        found.append(("What it reported", json_object(error).get("message", error)))
    steps: Counter[tuple[Kind, str, str | None]] = Counter(
        (bar.kind, bar.name, bar.detail) for bar in (line.bars if line else []) if bar.outcome == "failed"
    )
    for (kind, name, reason), times in steps.most_common(10):
        often = f", {times} times" if times > 1 else ""
        found.append((f"{KINDS[kind]} that failed: {spoken(name)}{often}", reason))
    return [(about, reason) for about, text in found if (reason := failure(text))]


def _callbacks(instance: str) -> list[CallbackLine]:
    """Who is told of the end of a run. The page shows what the task hub has, even if the storage is away."""
    try:
        return [CallbackLine.of(told) for told in told_of(services.current().blobs, instance)]
    except StorageError:
        return []


def _links(instance: str, run: Run) -> list[tuple[str, str]]:
    """Where people find what a run is about."""
    if is_batch_id(instance):
        return [(f"/batches/{instance}", "The batch")]
    if names.is_approval_id(instance):
        return [(f"/approvals/{instance}", "The invoice and its approval")]
    if (target := told_target(instance)) is not None:
        return [(f"/runs/{target}", "The run whose end is told")]
    approval = json_object(run.custom).get("approval")
    if isinstance(approval, str) and names.is_approval_id(approval):
        return [
            (f"/approvals/{approval}", "The invoice and its approval"),
            (f"/runs/{approval}", "The run of its approval"),
        ]
    return []


async def _parts(client: df.DurableOrchestrationClient, line: Timeline) -> list[Run]:
    """The sub-orchestrations of a run, as far as they can be told for sure (see `own_parts`)."""
    begun = [bar for bar in line.bars if bar.kind == "run"]
    if not begun or sum(part_names(line).values()) > _MOST_PARTS:
        return []
    known = [bar.run for bar in begun if bar.run]
    if len(known) == len(begun):
        statuses = await asyncio.gather(*(client.get_status(instance) for instance in known))
        return newest_first(run for run in map(run_of, statuses) if run is not None)[::-1]
    near = timedelta(seconds=2)
    seen = await runs_begun(client, begun[0].start - near, begun[0].start + near)
    families = families_near(line, seen)[:_MOST_FAMILIES]
    whole = await asyncio.gather(
        *(runs_begun(client, line.start - near, line.end + near, family) for family in families)
    )
    return own_parts(line, whole)

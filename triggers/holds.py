"""Legal holds over HTTP and from the pages, and what is said of retention."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

from adapters import services
from adapters.services import Services
from invoicing.records.answers.retention import (
    HoldStep,
    LegalHold,
    NewHold,
    Retention,
    RetentionRunTold,
    RetentionTerms,
)
from invoicing.records.retention import Hold, RetentionRun
from triggers.json_bodies import lengths_of, read_texts
from triggers.people import person_named
from triggers.responses import answer, answers_errors
from usecases import holding
from usecases.retention_view import RetentionSeen, retention_seen

bp = df.Blueprint()

_FIELDS = lengths_of(NewHold)


@bp.route(route="api/holds/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_hold(req: func.HttpRequest) -> func.HttpResponse:
    """The holds of a batch, a document of one, or an invoice, also those that have ended."""
    found = await asyncio.to_thread(holding.record, services.current().blobs, req.route_params["id"])
    return answer(hold_view(found))


@bp.route(route="api/holds/{id}", methods=["PUT"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def put_hold(req: func.HttpRequest) -> func.HttpResponse:
    """Hold it: nothing of it is purged until that ends."""
    return answer(hold_view(await asyncio.to_thread(_changed, services.current(), req, ends=False)))


@bp.route(route="api/holds/{id}", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def delete_hold(req: func.HttpRequest) -> func.HttpResponse:
    """End the hold; `who` and `why` come in the query. The record of it stays."""
    return answer(hold_view(await asyncio.to_thread(_changed, services.current(), req, ends=True)))


@bp.route(route="api/retention", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_errors
async def get_retention(req: func.HttpRequest) -> func.HttpResponse:
    """The settings in force, the last runs, and what is held."""
    return answer(retention_view(await asyncio.to_thread(retention_seen, services.current())))


# ---------------------------------------------------------------- steps


def _changed(app: Services, req: func.HttpRequest, *, ends: bool) -> Hold:
    asked = {name: req.params.get(name, "") for name in _FIELDS} if ends else read_texts(req, _FIELDS)
    person = person_named(req, app, asked.get("who", ""))
    change = holding.end if ends else holding.place
    return change(app.blobs, req.route_params["id"], person, asked.get("why", ""), app.clock())


def hold_view(hold: Hold) -> LegalHold:
    """The holds of a thing as the API tells them."""
    events = tuple(HoldStep.model_validate(event.model_dump()) for event in hold.events)
    return LegalHold(id=hold.id, held=hold.is_held, events=events)


def retention_view(seen: RetentionSeen) -> Retention:
    """Retention as the API tells it."""
    terms = seen.settings.terms
    return Retention(
        terms=RetentionTerms(
            batches=_days(terms.batches),
            invoices=_days(terms.invoices),
            documents=_days(terms.documents),
            runs=_days(terms.runs),
            paid_after=_days(terms.paid_after),
            archive_container=seen.container,
            archive_documents=seen.settings.archive_documents,
        ),
        runs=tuple(_run_view(run) for run in seen.runs),
        holds=tuple(hold_view(hold) for hold in seen.holds),
        damaged=tuple(seen.damaged),
    )


def _run_view(run: RetentionRun) -> RetentionRunTold:
    fields = run.model_dump(include=set(RetentionRunTold.model_fields))
    return RetentionRunTold.model_validate({"error": None, **fields})


def _days(term: timedelta | None) -> float | None:
    return None if term is None else term / timedelta(days=1)

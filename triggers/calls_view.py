"""What the API says of lists of calls, with the addresses to go on to."""

from __future__ import annotations

from collections.abc import Sequence

import azure.functions as func

from invoicing.records.answers.api_calls import CallAnswer, CallAnswers, CallsStatus
from triggers.own_links import OwnLinks
from usecases.calls_status import CallSeen, CallsSeen


def calls_links(own: OwnLinks, calls: str) -> dict[str, str]:
    """Where to go from here."""
    return {"self": own.to(f"/{calls}"), "results": own.to(f"/{calls}/results")}


def status_of(seen: CallsSeen, own: OwnLinks) -> CallsStatus:
    """The answer about a list."""
    record = seen.record
    return CallsStatus(
        id=record.calls,
        status=seen.state,
        done=sum(seen.counts.values()),
        total=record.total,
        counts=dict[str, int](seen.counts.items()),
        created=record.created,
        deadline=record.deadline,
        error=seen.error,
        links=calls_links(own, record.calls),
    )


def call_answer(calls: str, seen: CallSeen, own: OwnLinks) -> CallAnswer:
    """The answer about one call."""
    result = seen.result
    if result is None:
        return CallAnswer(
            n=seen.n,
            name=seen.name,
            outcome="waiting",
            done=False,
            attempts=0,
            milliseconds=0,
            headers={},
            size=0,
            code="",
            error="",
        )
    return CallAnswer(
        n=seen.n,
        name=seen.name,
        outcome=result.outcome,
        done=seen.done,
        attempts=result.attempts,
        status=result.status,
        milliseconds=result.milliseconds,
        headers=result.headers,
        size=result.size,
        body=result.body,
        is_base64=result.is_base64,
        body_url=own.to(f"/{calls}/answers/{seen.n}") if result.stored else None,
        code=result.code,
        error=result.error,
    )


def page_of(
    seen: CallsSeen, answers: Sequence[CallAnswer], first: int, top: int, own: OwnLinks
) -> CallAnswers:
    """A page of results, with the address of the next one."""
    calls = seen.record.calls
    following = first + top
    links = {"self": own.to(f"/{calls}")}
    if following <= seen.record.total:
        links["next"] = own.to(f"/{calls}/results", **{"from": str(following), "top": str(top)})
    return CallAnswers(id=calls, status=seen.state, results=tuple(answers), links=links)


def ndjson(answers: Sequence[CallAnswer]) -> func.HttpResponse:
    """All results, one JSON object on each line."""
    return func.HttpResponse(
        b"".join(one.as_json() + b"\n" for one in answers),
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        mimetype="application/x-ndjson",
    )

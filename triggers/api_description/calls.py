"""The operations on lists of calls to other hosts."""

from __future__ import annotations

from invoicing.records.answers.api_calls import CallAnswer, CallAnswers, CallsAccepted, CallsStatus
from invoicing.records.api_calls import MOST_CALLS, CallsAsked
from invoicing.records.base import Record
from triggers.api_description.parts import (
    CALLBACK_URL,
    FILE,
    IDEMPOTENCY_KEY,
    JSON,
    answers,
    body,
    json_of,
    later,
    operation,
    path,
    query,
)
from triggers.api_description.schemas import Part, ref

_ID = path("id", "A list's id.")

PATHS: Part = {
    "/api/calls": {
        "post": operation(
            "calls",
            "startCalls",
            "Call many other hosts at the same time",
            answers(later(CallsAccepted), 400, 413, 415, 422),
            parameters=[IDEMPOTENCY_KEY, CALLBACK_URL],
            requestBody=body((JSON, ref(CallsAsked))),
        ),
    },
    "/api/calls/{id}": {
        "parameters": [_ID],
        "get": operation(
            "calls",
            "getCalls",
            "How far a list of calls is",
            answers(json_of(200, CallsStatus, "It has ended.") | later(CallsStatus), 404),
        ),
        "delete": operation(
            "calls", "stopCalls", "Stop a list of calls", answers(later(CallsAccepted), 404, 409)
        ),
    },
    "/api/calls/{id}/results": {
        "parameters": [_ID],
        "get": operation(
            "calls",
            "getCallResults",
            "What came of the calls so far",
            answers(
                {
                    "200": {
                        "description": "A page of them, or all of them, one on each line.",
                        "content": {
                            JSON: {"schema": ref(CallAnswers)},
                            "application/x-ndjson": {"schema": ref(CallAnswer)},
                        },
                    }
                },
                400,
                404,
            ),
            parameters=[
                query("format", "ndjson: all from there on.", enum=["json", "ndjson"], default="json"),
                query("from", "The first of the page.", type="integer", minimum=1, maximum=MOST_CALLS),
                query("top", "How many.", type="integer", minimum=1, maximum=500),
            ],
        ),
    },
    "/api/calls/{id}/answers/{n}": {
        "parameters": [_ID, path("n", "A call's place in the list.", type="integer", minimum=1)],
        "get": operation(
            "calls",
            "getCallAnswer",
            "A large answer of one call",
            answers({"200": {"description": "The answer.", "content": FILE}}, 404),
        ),
    },
}

ANSWERS: tuple[type[Record], ...] = (CallsAccepted, CallsStatus, CallAnswers, CallAnswer)

BODIES: tuple[type[Record], ...] = (CallsAsked,)

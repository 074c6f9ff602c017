"""The operations on what is stuck."""

from __future__ import annotations

from invoicing.records.answers.watching import ActReason, RunActed, StuckRuns, WaitingRun
from invoicing.records.base import Record
from triggers.api_description.parts import JSON, answers, json_of, operation, path, query
from triggers.api_description.schemas import Part, ref

_ID = [path("id", "The id of a run.")]
_REASON = {"required": False, "content": {JSON: {"schema": ref(ActReason)}}}

PATHS: Part = {
    "/api/stuck": {
        "get": operation(
            "operation",
            "listStuck",
            "Runs that are stuck, what each waits for, and what may be done",
            answers(json_of(200, StuckRuns, "The one that waits longest first."), 400),
            parameters=[query("before", "Runs that were begun before this moment.", format="date-time")],
        )
    },
    "/api/stuck/{id}": {
        "parameters": _ID,
        "get": operation(
            "operation",
            "getWaiting",
            "What one run waits for, stuck or not",
            answers(json_of(200, WaitingRun), 400, 404),
        ),
    },
    "/api/stuck/{id}/restart": {
        "parameters": _ID,
        "post": operation(
            "operation",
            "restartStuck",
            "Begin a run again, from what is stored",
            answers(json_of(202, RunActed, "It is started again."), 400, 403, 404),
        ),
    },
    "/api/stuck/{id}/rewind": {
        "parameters": _ID,
        "post": operation(
            "operation",
            "rewindStuck",
            "Repeat the step of a run that failed",
            answers(json_of(202, RunActed, "It goes on."), 400, 403, 404, 409, 413, 415),
            requestBody=_REASON,
        ),
    },
    "/api/stuck/{id}/close": {
        "parameters": _ID,
        "post": operation(
            "operation",
            "closeStuck",
            "End a run for good, and give back what it holds",
            answers(json_of(200, RunActed, "It has ended."), 400, 403, 404, 409, 413, 415),
            requestBody=_REASON,
        ),
    },
}

ANSWERS: tuple[type[Record], ...] = (StuckRuns, WaitingRun, RunActed)

BODIES: tuple[type[Record], ...] = (ActReason,)

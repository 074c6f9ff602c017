"""JSON answers, and the one shape of all errors: `{"error": {"code", "message", "detail"?}}`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, ParamSpec

import azure.functions as func

from invoicing.records.answers.common import Error, ErrorBody
from invoicing.records.base import Record
from triggers.errors import Refused
from triggers.guard import guarded

Parameters = ParamSpec("Parameters")

#: Seconds until a client should ask again while something runs: at first, and at most. What has run for long
#: does not end in the next seconds.
POLL_SECONDS, LONGEST_POLL = 2, 60
_POLL_PART = 30


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """An answer with a JSON body that no cache keeps."""
    return func.HttpResponse(
        # What was stored before anybody looked may hold half a character: it must not cost the whole answer.
        json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        mimetype="application/json",
        charset="utf-8",
    )


def answer(record: Record, status: int = 200, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """The answer that a record is; no cache keeps it."""
    return json_response(record.as_plain(), status, headers)


def accepted(record: Record, location: str, since: datetime | None = None) -> func.HttpResponse:
    """The answer 202: it is on its way; `location` says where to ask again, `since` when it began."""
    age = int((datetime.now(UTC) - since).total_seconds()) if since else 0
    pause = min(max(POLL_SECONDS, age // _POLL_PART), LONGEST_POLL)
    return answer(record, 202, {"Location": location, "Retry-After": str(pause)})


def error_response(refused: Refused) -> func.HttpResponse:
    """The error answer of a refused request."""
    headers = {} if refused.retry_after is None else {"Retry-After": str(refused.retry_after)}
    body = ErrorBody(code=refused.code, message=refused.message, detail=refused.detail)
    return answer(Error(error=body), refused.status, headers)


def answers_errors(
    handler: Callable[Parameters, Awaitable[func.HttpResponse]],
) -> Callable[Parameters, Coroutine[Any, Any, func.HttpResponse]]:
    """Turn what a handler raises into an error answer, and refuse bad texts and callers before it is called.

    An unforeseen error is logged and answered with 500.
    """
    return guarded(handler, lambda _, refused: error_response(refused))

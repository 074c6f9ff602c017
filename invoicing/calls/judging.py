"""What an answer means for the call that asked for it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from invoicing.calls import retries
from invoicing.records.api_calls import INLINE, CallOutcome, CallRequest, CallResult, CallState, Ended
from invoicing.records.outgoing import OutgoingAnswer

#: Headers of an answer that are kept.
_KEPT = (
    "content-type",
    "date",
    "etag",
    "last-modified",
    "link",
    "location",
    "request-id",
    "retry-after",
    "x-request-id",
)
_LONGEST_HEADER = 1000
#: Calls that change something: a repeated one needs a key, so that the host can tell it from a new one.
CHANGING = frozenset({"POST", "PATCH"})


def outcome_of(request: CallRequest, answer: OutgoingAnswer) -> tuple[CallOutcome, str, str]:
    """How a call ended, with a code and a text where it did not end as it should."""
    if answer.outcome != "answered":
        return answer.outcome, answer.code, answer.error
    status = answer.status or 0
    if not _is_expected(status, request.expected):
        return "unexpected", "unexpected_status", f"The host answered {status}."
    if request.json_wanted and not _is_json(answer.body):
        return "unexpected", "not_json", "The answer is not JSON."
    return "ok", "", ""


def taken_in(
    request: CallRequest,
    n: int,
    before: CallState,
    answer: OutgoingAnswer,
    *,
    attempts: int,
    again: datetime,
    part: int = 0,
) -> tuple[CallState, CallResult]:
    """The state and the result of call `n` after one more attempt.

    `attempts`: how many may fail. `again`: when it would be made again. `part`: that the result goes into.
    """
    outcome, code, error = outcome_of(request, answer)
    is_busy = answer.outcome == "answered" and answer.status in retries.BUSY
    failures = before.failures + (0 if is_busy else 1)
    goes_on = outcome != "ok" and code != "not_json" and retries.may_help(answer) and failures < attempts
    made = before.attempts + 1
    state = CallState(
        outcome=outcome,
        done=not goes_on,
        attempts=made,
        failures=failures if outcome != "ok" else before.failures,
        due=again if goes_on else None,
        part=part,
    )
    stored, body, is_base64 = _body_of(answer.body)
    result = CallResult(
        n=n,
        name=request.name,
        outcome=outcome,
        status=answer.status,
        attempts=made,
        milliseconds=answer.milliseconds,
        headers={name: answer.headers[name][:_LONGEST_HEADER] for name in _KEPT if name in answer.headers},
        size=len(answer.body),
        body=body,
        is_base64=is_base64,
        stored=stored,
        code=code,
        error=error,
    )
    return state, result


def given_up(state: CallState) -> CallState:
    """The state of a call that is not made any more. One that was made keeps its last outcome."""
    if state.done:
        return state
    return state.model_copy(update={"outcome": state.outcome or "not_called", "done": True, "due": None})


def not_called(n: int, name: str, why: Ended) -> CallResult:
    """The result of a call that was never made; `why` the list ended."""
    text = "The list was stopped." if why == "stopped" else "The deadline came before it was called."
    return CallResult(n=n, name=name, outcome="not_called", code=why or "deadline", error=text)


def idempotency_key(calls: str, n: int) -> str:
    """The key of a call that changes something: the same for each attempt."""
    return hashlib.sha256(f"{calls}/{n}".encode()).hexdigest()[:32]


def _is_expected(status: int, expected: Sequence[int]) -> bool:
    return status in expected if expected else 200 <= status <= 299


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _body_of(body: bytes) -> tuple[bool, str | None, bool]:
    """Whether a body is stored apart; else its text, and whether that is base64."""
    if not body:
        return False, None, False
    if len(body) > INLINE:
        return True, None, False
    try:
        return False, body.decode(), False
    except UnicodeDecodeError:
        return False, base64.b64encode(body).decode(), True

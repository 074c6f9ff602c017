"""Sending something to people: tried with growing pauses for two days, as a generator for `yield from`."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from orchestrators.retry import Backoff
from orchestrators.sdk import failure_of
from orchestrators.waiting import sleep_until

#: How long it is tried where the step never answers; else the step says until when.
PATIENCE = timedelta(days=2)
#: Pauses between tries: ten seconds, then twice the one before, at most an hour.
PAUSES = Backoff(timedelta(seconds=10), 2, timedelta(hours=1), attempts=1000)


def deliver(
    context: df.DurableOrchestrationContext, activity: str, job: dict[str, Any]
) -> Generator[Any, Any, dict[str, Any]]:
    """Try until it is sent, is not needed any more, or its time is over.

    The activity gets `job` with `{"last": whether this is the last try}` and answers `{"outcome", "until":
    ISO time of the last try, "error"?}`; the outcome `again` asks for another try. Returns `{"outcome",
    "attempts", "error"?}`; never raises. Custom status while it is tried again: `{"attempts", "error"}`.
    """
    ends, attempts = context.current_utc_datetime + PATIENCE, 0
    while True:
        last = context.current_utc_datetime >= ends
        attempts += 1
        tried = yield from _tried(context, activity, {**job, "last": last})
        if last and tried["outcome"] == "again":
            tried["outcome"] = "failed"
        until = tried.pop("until", None)
        if tried["outcome"] != "again":
            return {**tried, "attempts": attempts}

        if until is not None:
            ends = datetime.fromisoformat(until)
        context.set_custom_status({"attempts": attempts, "error": tried.get("error", "")})
        yield from sleep_until(context, _next_try(context.current_utc_datetime, ends, attempts))


def _tried(
    context: df.DurableOrchestrationContext, activity: str, job: dict[str, Any]
) -> Generator[Any, Any, dict[str, Any]]:
    try:
        return (yield context.call_activity(activity, job))
    except Exception as error:  # noqa: BLE001 - the SDK raises plain Exception for every failed activity
        return {"outcome": "again", "error": failure_of(error).text}


def _next_try(now: datetime, ends: datetime, failures: int) -> datetime:
    """The last try is at the very end, so that the whole time is used."""
    return min(now + (PAUSES.pause(failures) or PAUSES.longest), ends)

"""One message over one channel: tried with growing pauses for two days, then given up.

It is an orchestration of its own, started apart from the approval that it belongs to: a mail server that is
down must not hold back a decision, nor the end of an approval.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from invoicing.failures import first_line
from orchestrators.retry import Backoff
from orchestrators.waiting import sleep_until

bp = df.Blueprint()

#: How long a message is tried; after that it would come as a surprise rather than as news.
PATIENCE = timedelta(days=2)
#: Pauses between tries: ten seconds, then twice the one before, at most an hour.
PAUSES = Backoff(timedelta(seconds=10), 2, timedelta(hours=1), attempts=1000)


@bp.orchestration_trigger(context_name="context")
def notification(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """Send a message.

    Input: `{"approval", "notice": id}`. Output: `{"outcome": "sent" | "failed" | "obsolete", "attempts",
    "error"?}`; never raises. Custom status while it is tried again: `{"attempts", "error"}`.
    """
    job: Any = context.get_input()
    ends, attempts = context.current_utc_datetime + PATIENCE, 0
    while True:
        last = context.current_utc_datetime >= ends
        attempts += 1
        tried: dict[str, Any] = yield from _tried(context, {**job, "last": last})
        if last and tried["outcome"] == "again":
            tried["outcome"] = "failed"
        if tried["outcome"] != "again":
            return {**tried, "attempts": attempts}
        context.set_custom_status({"attempts": attempts, "error": tried.get("error", "")})
        yield from sleep_until(context, _next_try(context.current_utc_datetime, ends, attempts))


def _tried(
    context: df.DurableOrchestrationContext, job: dict[str, Any]
) -> Generator[Any, Any, dict[str, Any]]:
    try:
        return (yield context.call_activity("send_notification", job))
    except Exception as error:  # noqa: BLE001 - the SDK raises plain Exception for every failed activity
        return {"outcome": "again", "error": first_line(str(error))}


def _next_try(now: datetime, ends: datetime, failures: int) -> datetime:
    """The last try is at the very end, so that the whole time is used."""
    return min(now + (PAUSES.pause(failures) or PAUSES.longest), ends)

"""The messages to one person that fall into one stretch of time (a slot), sent as one: a digest.

    wait for the end of the slot -> close it -> send each part of it, for two days

Whoever has a message for a person notes it in the slot and has this started; the id is made of the slot, so
that there is one for all of them. What is sent is decided when the slot is closed, and by what is stored
then: started again, it goes on where it was and sends nothing twice.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from typing import Any

import azure.durable_functions as df

from orchestrators.delivery import deliver
from orchestrators.retry import ActivityGaveUp, call_with_retry
from orchestrators.waiting import sleep_until

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context")
def digest(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """Send what was gathered in a slot.

    Input: `{"slot": its name, "ends": ISO time, "channel", "to": persons}`. Output: `{"outcome": "completed"
    | "failed", "parts": {"sent" | "failed" | "obsolete": mails}, "error"?}`; never raises. Custom status
    while it is tried again: `{"attempts", "error"}`.
    """
    job: dict[str, Any] = context.get_input() or {}
    yield from sleep_until(context, datetime.fromisoformat(job["ends"]))
    try:
        closed = yield from call_with_retry(context, "close_slot", job)
    except ActivityGaveUp as failure:
        return {"outcome": "failed", "parts": {}, "error": str(failure)}

    parts: dict[str, int] = {}
    for part in range(closed["parts"]):
        ended = yield from deliver(context, "send_digest", {**job, **closed, "part": part})
        parts[ended["outcome"]] = parts.get(ended["outcome"], 0) + 1
    return {"outcome": "completed", "parts": parts}

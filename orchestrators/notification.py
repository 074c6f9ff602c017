"""One message over one channel that goes out at once.

It is an orchestration of its own, started apart from the approval that it belongs to: a mail server that is
down must not hold back a decision, nor the end of an approval.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from orchestrators.delivery import deliver

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context")
def notification(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict]:
    """Send a message.

    Input: `{"approval", "notice": id}`. Output: `{"outcome": "sent" | "failed" | "obsolete", "attempts",
    "error"?}`; never raises. Custom status while it is tried again: `{"attempts", "error"}`.
    """
    job: Any = context.get_input()
    return (yield from deliver(context, "send_notification", job))

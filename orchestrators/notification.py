"""One message over one channel that goes out at once.

It is an orchestration of its own, started apart from the approval that it belongs to: a mail server that is
down must not hold back a decision, nor the end of an approval.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from invoicing.records.message_steps import NOTIFICATION, SEND_NOTIFICATION, NotificationTry
from orchestrators.delivery import deliver
from orchestrators.steps import input_of

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context", orchestration=NOTIFICATION.name)
def deliver_notification(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Send a message. Its types are those of `NOTIFICATION`; it never raises."""
    job = input_of(context, NOTIFICATION)

    def attempt(last: bool) -> NotificationTry:
        return NotificationTry(approval=job.approval, notice=job.notice, last=last)

    delivery = yield from deliver(context, SEND_NOTIFICATION, attempt)
    return NOTIFICATION.written_output(delivery)

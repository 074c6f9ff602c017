"""A step of routing, done again until it waits for no answer about a new supplier, for `yield from`.

The step itself says until when it waits, and has the answers fetched meanwhile (`supplier_check`). So this
run needs no event that could be lost: it looks again, more and more seldom, and once the time is over the
step goes on without the answers.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from typing import Any, TypeVar

import azure.durable_functions as df

from invoicing.records.base import Step
from invoicing.records.route import RoutingAnswer, RoutingJob
from orchestrators import versions
from orchestrators.steps import call
from orchestrators.versions import since
from orchestrators.waiting import sleep_until

Job = TypeVar("Job", bound=RoutingJob)
Answer = TypeVar("Answer", bound=RoutingAnswer)

#: The pause before the second look; each further one is twice as long. A look at a batch reads its rows.
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)


def routed(
    context: df.DurableOrchestrationContext, step: Step[Job, Answer], job: Job
) -> Generator[Any, Any, Answer]:
    """Call a step of routing until it has routed. Raises ActivityGaveUp."""
    if not since(versions.CHECKS_SUPPLIERS, context):
        return (yield from call(context, step, job))

    pause = FIRST_PAUSE
    while True:
        looked = job.model_copy(update={"looked": context.current_utc_datetime})
        answer = yield from call(context, step, looked)
        if answer.waits_until is None:
            return answer
        yield from sleep_until(context, min(context.current_utc_datetime + pause, answer.waits_until))
        pause = min(pause * 2, LONGEST_PAUSE)

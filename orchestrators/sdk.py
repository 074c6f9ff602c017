"""What differs between versions 1.x and 2.x of azure-functions-durable, for workflows: each place once.

The app runs on 1.x. In 2.x, which is on its way, the same things have other names and texts. Workflows ask
here, so that they hold on both:

* `is_done`: a task says `is_completed` in 1.x and `is_complete` in 2.x.
* `failure_of`: in 1.x the type of an error is in the text of the failure, in 2.x beside it.
* `wait_for_all`, `wait_for_any`: in 2.x a wait for no task at all never ends.

Three more things hold on both as long as workflows keep to them (`tests/unit/test_sdk.py` looks):

* No workflow that continues as new waits for an event: 2.x loses the events that came in the same batch. A
  wait for signals may (`orchestrators/signals.py`): its events say nothing, and it begins with a reading.
* No record has a field `__class__`: an input, a result or an event that has it fails the orchestration, in
  both versions.
* A sub-orchestration is asked for its answer, never for its id: the host makes the ids in different ways.

One thing is open: in 1.x the host gives a sub-orchestration the version of new instances. In 2.x the SDK
names none for it, and whether the host then does is not known; without a version it goes the oldest way
(`orchestrators/versions.py`), which works, and lacks what is newer.

What differs for those who look at runs from outside is in `triggers/durable_client.py`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import Any

import azure.durable_functions as df

from invoicing.failures import Failure, failure_of_details, failure_of_text

#: The type of the error in 2.x that stands around the failure of an activity or a sub-orchestration.
_AROUND = "TaskFailedError"


def is_done(task: Any) -> bool:
    """Whether a task has ended, whichever way."""
    return bool(task.is_completed if hasattr(task, "is_completed") else task.is_complete)


def failure_of(error: Exception) -> Failure:
    """Why an activity or a sub-orchestration failed, out of what the SDK raises for it."""
    details: Any = getattr(error, "details", None)
    if details is None:
        return failure_of_text(str(error))
    while details.error_type.endswith(_AROUND) and details.inner_failure is not None:
        details = details.inner_failure
    return failure_of_details(details.error_type, details.message)


def wait_for_all(context: df.DurableOrchestrationContext, tasks: Sequence[Any]) -> Generator[Any, Any, None]:
    """Wait until tasks have ended, or one has failed; each is to be looked at afterwards."""
    if not tasks:
        return
    with suppress(Exception):
        yield context.task_all(list(tasks))


def wait_for_any(context: df.DurableOrchestrationContext, tasks: Sequence[Any]) -> Generator[Any, Any, Any]:
    """Wait for the first of some tasks; returns it. Raises ValueError for no task: nothing would end it."""
    if not tasks:
        raise ValueError("a wait for no task never ends")
    return (yield context.task_any(list(tasks)))

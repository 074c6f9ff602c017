"""Calling an activity or a sub-orchestration again after a failure, with growing pauses, for `yield from`.

The SDK's own `RetryOptions` knows one fixed interval and waits once more before it gives up. Here the cause
decides (`invoicing.failures`):

* An outage (storage that is away, an installation without its rules) is no document's fault. It is waited for
  up to a day, so that a person can mend it.
* A lost step, whose worker process died, is done again for some minutes: a new process is there in seconds.
* Anything else is tried a few times: it may be the input's fault, and the caller has better things to do with
  it than to wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from invoicing.failures import Cause, Failure
from orchestrators import versions
from orchestrators.sdk import failure_of, wait_for_all
from orchestrators.versions import since
from orchestrators.waiting import sleep

Steps = Generator[Any, Any, Any]
#: Name, input, and instance id (None: the host makes one) of a sub-orchestration.
Child = tuple[str, Any, str | None]
#: Waits until all of some tasks have ended, whichever way; it may do other work meanwhile.
Wait = Callable[[Sequence[Any]], Steps]


class ActivityGaveUp(Exception):
    """A step kept failing; the text is its last failure's first line."""


@dataclass(frozen=True)
class Backoff:
    """Pauses between attempts: `first`, then each `factor` times the one before, at most `longest`."""

    first: timedelta
    factor: float
    longest: timedelta
    attempts: int

    def pause(self, failures: int) -> timedelta | None:
        """How long to wait after so many failures in a row; None: give up."""
        if failures >= self.attempts:
            return None
        grown = self.first.total_seconds() * self.factor ** min(failures - 1, 64)
        return timedelta(seconds=min(grown, self.longest.total_seconds()))


#: A blip of the host, or an error of the step: three attempts within seconds.
FAULT = Backoff(timedelta(seconds=1), 3, timedelta(seconds=10), attempts=3)
#: A worker process that died: from a second up to half a minute between attempts, for a minute and a half.
LOST = Backoff(timedelta(seconds=1), 2, timedelta(seconds=30), attempts=8)
#: Storage that is away: from a second up to five minutes between attempts, for about a day.
OUTAGE = Backoff(timedelta(seconds=1), 2, timedelta(minutes=5), attempts=300)

_BACKOFFS: dict[Cause, Backoff] = {"fault": FAULT, "lost": LOST, "outage": OUTAGE}


#: An attempt that ran for so long was well for a time: what failed around it before is forgotten. A step that
#: waits for people for a year loses more workers than one of minutes may.
WELL_AFTER = timedelta(hours=1)


class Patience:
    """How long one step is tried again: its failures so far, each cause counted apart."""

    def __init__(self) -> None:
        self._failures: Counter[Cause] = Counter()

    def pause(self, failure: Failure, ran: timedelta) -> timedelta:
        """How long to wait after one more failure, of an attempt that `ran` so long. Raises ActivityGaveUp.

        What the input is at fault for is not forgotten: it fails again, however long that takes.
        """
        if ran >= WELL_AFTER:
            self._failures = Counter({"fault": self._failures["fault"]})
        self._failures[failure.cause] += 1
        pause = _BACKOFFS[failure.cause].pause(self._failures[failure.cause])
        if pause is None:
            raise ActivityGaveUp(failure.text)
        return pause


def call_with_retry(context: df.DurableOrchestrationContext, activity: str, value: Any) -> Steps:
    """Call an activity until it answers; returns its result. Raises ActivityGaveUp.

    Outages and faults are counted apart: a document that breaks a step must not be tried for a day.
    """
    patience = Patience()
    sdk: Any = context  # its own types leave out what an input may be
    while True:
        began = context.current_utc_datetime
        try:
            return (yield sdk.call_activity(activity, value))
        except Exception as error:  # noqa: BLE001 - the SDK raises plain Exception for every failed activity
            failure = failure_of(error)
        yield from sleep(context, patience.pause(failure, _ran(context, began)))


def call_child_with_retry(
    context: df.DurableOrchestrationContext, name: str, value: Any, instance: str | None = None
) -> Steps:
    """Call a sub-orchestration until it answers; returns its output. Raises ActivityGaveUp.

    It has to continue from what is stored when it is started again: its worker may have died at any step.
    """
    (output,) = yield from call_children_with_retry(context, [(name, value, instance)])
    return output


def call_children_with_retry(
    context: df.DurableOrchestrationContext, children: Sequence[Child], wait: Wait | None = None
) -> Steps:
    """Call sub-orchestrations at the same time; returns their outputs in order. Raises ActivityGaveUp.

    Those that failed are called again together, once all others have ended: the host sends nothing new
    before that. So it is for parts that end within minutes.
    """
    patience = [Patience() for _ in children]
    sdk: Any = context
    outputs: dict[int, Any] = {}
    while len(outputs) < len(children):
        began = context.current_utc_datetime
        calls = {place: child for place, child in enumerate(children) if place not in outputs}
        tasks = {place: sdk.call_sub_orchestrator(*child) for place, child in calls.items()}
        yield from (wait or _wait_for_all(context))(list(tasks.values()))
        failures = yield from _collect(tasks, outputs)
        if failures:
            ran = _ran(context, began)
            pauses = [patience[place].pause(failure, ran) for place, failure in failures.items()]
            yield from sleep(context, max(pauses))
    return [outputs[place] for place in range(len(children))]


def _ran(context: df.DurableOrchestrationContext, began: datetime) -> timedelta:
    """How long an attempt ran; nothing in older instances, which forget no failure."""
    if not since(versions.FORGETS_FAILURES, context):
        return timedelta(0)
    return context.current_utc_datetime - began


def _wait_for_all(context: df.DurableOrchestrationContext) -> Wait:
    def wait(tasks: Sequence[Any]) -> Steps:
        # One failure ends this wait for all; each task is looked at afterwards.
        yield from wait_for_all(context, tasks)

    return wait


def _collect(tasks: dict[int, Any], outputs: dict[int, Any]) -> Generator[Any, Any, dict[int, Failure]]:
    """Wait for each task, and add what it answered to `outputs`; returns the failures by place."""
    failures: dict[int, Failure] = {}
    for place, task in tasks.items():
        try:
            outputs[place] = yield task
        except Exception as error:  # noqa: BLE001 - the SDK raises plain Exception for every failed child
            failures[place] = failure_of(error)
    return failures

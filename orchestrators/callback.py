"""Telling one address that something has ended: posted until it is taken, for three days.

    post -> taken: end;  not taken: a growing pause, and again

It is an orchestration of its own, started when the end has come (`usecases/begin_callbacks.py`): a receiver
that is down must not hold back a batch. What is posted stands in storage, and so does whether somebody still
wants it: started again, it goes on from there.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from invoicing.callbacks.pauses import PATIENCE, pause_before
from invoicing.records.callbacks import (
    CALLBACK,
    SEND_CALLBACK,
    CallbackJob,
    CallbackProgress,
    CallbackResult,
    CallbackTried,
    CallbackTry,
)
from orchestrators.sdk import failure_of
from orchestrators.steps import input_of
from orchestrators.waiting import sleep_until

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context", orchestration=CALLBACK.name)
def deliver_callback(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Tell of an end. Its types are those of `CALLBACK`; it never raises."""
    job = input_of(context, CALLBACK)
    result = yield from _deliver(context, job)
    return CALLBACK.written_output(result)


def _deliver(
    context: df.DurableOrchestrationContext, job: CallbackJob
) -> Generator[Any, Any, CallbackResult]:
    ends = context.current_utc_datetime + PATIENCE
    attempts = 0
    while True:
        last = context.current_utc_datetime >= ends
        attempts += 1
        tried = yield from _tried(context, job, attempts, last)
        if tried.outcome != "again":
            return CallbackResult(outcome=tried.outcome, attempts=attempts, error=tried.error)
        if last:
            return CallbackResult(outcome="failed", attempts=attempts, error=tried.error)

        progress = CallbackProgress(attempts=attempts, error=tried.error or "")
        context.set_custom_status(progress.as_plain())
        yield from sleep_until(context, _next_try(context.current_utc_datetime, ends, job, attempts, tried))


def _tried(
    context: df.DurableOrchestrationContext, job: CallbackJob, attempt: int, last: bool
) -> Generator[Any, Any, CallbackTried]:
    """One try. A step that failed may have better luck with the next one."""
    value = CallbackTry(subscription=job.subscription, round=job.round, attempt=attempt, last=last)
    try:
        sdk: Any = context  # its own types leave out what an input may be
        answer: Any = yield sdk.call_activity(SEND_CALLBACK.name, SEND_CALLBACK.written_input(value))
        return SEND_CALLBACK.parsed_output(answer)
    except Exception as error:  # noqa: BLE001 - the SDK raises plain Exception for every failed activity
        return CallbackTried(outcome="again", error=failure_of(error).text)


def _next_try(
    now: datetime, ends: datetime, job: CallbackJob, attempts: int, tried: CallbackTried
) -> datetime:
    """After its pause, or when the receiver says; the last try is at the very end."""
    wished = timedelta(seconds=tried.pause or 0)
    return min(now + max(pause_before(job.subscription, attempts), wished), ends)

"""Sending something to people: tried with growing pauses for two days, as a generator for `yield from`."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from typing import Any, TypeVar

import azure.durable_functions as df

from invoicing.records.base import Step
from invoicing.records.message_steps import Delivery, DeliveryProgress, DeliveryTry
from invoicing.records.messages import PATIENCE
from orchestrators.retry import Backoff
from orchestrators.sdk import failure_of
from orchestrators.waiting import sleep_until

Input = TypeVar("Input")

#: Pauses between tries: ten seconds, then twice the one before, at most an hour.
PAUSES = Backoff(timedelta(seconds=10), 2, timedelta(hours=1), attempts=1000)


def deliver(
    context: df.DurableOrchestrationContext,
    step: Step[Input, DeliveryTry],
    try_of: Callable[[bool], Input],
) -> Generator[Any, Any, Delivery]:
    """Try until it is sent, is not needed any more, or its time is over; never raises.

    `try_of` gives the input of a try; it is told whether that is the last one. The custom status says what is
    wrong while it is tried again (`DeliveryProgress`).
    """
    # Where the step never answers; else it says until when.
    ends = context.current_utc_datetime + PATIENCE
    attempts = 0
    while True:
        last = context.current_utc_datetime >= ends
        attempts += 1
        tried = yield from _tried(context, step, try_of(last))
        if tried.outcome != "again":
            return Delivery(outcome=tried.outcome, error=tried.error, attempts=attempts)
        if last:
            return Delivery(outcome="failed", error=tried.error, attempts=attempts)

        ends = tried.until or ends
        progress = DeliveryProgress(attempts=attempts, error=tried.error or "")
        context.set_custom_status(progress.as_plain())
        yield from sleep_until(context, _next_try(context.current_utc_datetime, ends, attempts))


def _tried(
    context: df.DurableOrchestrationContext, step: Step[Input, DeliveryTry], value: Input
) -> Generator[Any, Any, DeliveryTry]:
    """One try. A step that failed may have better luck with the next one."""
    try:
        sdk: Any = context  # its own types leave out what an input may be
        answer: Any = yield sdk.call_activity(step.name, step.written_input(value))
        return step.parsed_output(answer)
    except Exception as error:  # noqa: BLE001 - the SDK raises plain Exception for every failed activity
        return DeliveryTry(outcome="again", error=failure_of(error).text)


def _next_try(now: datetime, ends: datetime, failures: int) -> datetime:
    """The last try is at the very end, so that the whole time is used."""
    return min(now + (PAUSES.pause(failures) or PAUSES.longest), ends)

"""Waiting for a moment, as generators for `yield from`. Every wait of an orchestrator goes through here.

A timer of the Durable extension may fire up to a second early: the queue that holds it counts whole seconds.
So a moment has come when the clock says so, not when a timer has fired. What little is left after an early
one is waited for with a timer that is a second late, since one for less than a second fires at once.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from orchestrators.sdk import is_done, wait_for_any

#: How much before its time a timer may fire.
EARLIEST = timedelta(seconds=1)
#: A longer timer cannot be cancelled, and one that is not cancelled holds back the end.
LONGEST_TIMER = timedelta(days=5)


def sleep_until(context: df.DurableOrchestrationContext, moment: datetime) -> Generator[Any, Any, None]:
    """Wait until the clock of the orchestration has come to a moment (with a time zone)."""
    while context.current_utc_datetime < moment:
        yield context.create_timer(_fire_at(context.current_utc_datetime, moment))


def sleep(context: df.DurableOrchestrationContext, pause: timedelta) -> Generator[Any, Any, None]:
    """Wait for a time, never less."""
    yield from sleep_until(context, context.current_utc_datetime + pause)


def done_before(
    context: df.DurableOrchestrationContext, task: Any, moment: datetime
) -> Generator[Any, Any, bool]:
    """Wait for a task until a moment (with a time zone); returns whether the task is done.

    False means that the moment has come. The task may be waited for again then, and an event is not lost.
    """
    return (yield from any_done_before(context, [task], moment))


def any_done_before(
    context: df.DurableOrchestrationContext, tasks: Sequence[Any], moment: datetime
) -> Generator[Any, Any, bool]:
    """Wait for the first of some tasks until a moment; returns whether one is done, as `done_before` does."""
    while not any(is_done(task) for task in tasks):
        now = context.current_utc_datetime
        if now >= moment:
            return False
        timer: Any = context.create_timer(_fire_at(now, moment))
        winner = yield from wait_for_any(context, [*tasks, timer])
        if winner != timer:
            timer.cancel()  # an open timer would keep the instance Running until it fires
    return True


def _fire_at(now: datetime, moment: datetime) -> datetime:
    """The time of the next timer on the way to a moment that has not come."""
    if moment - now < EARLIEST:
        return moment + EARLIEST
    return min(moment, now + LONGEST_TIMER)

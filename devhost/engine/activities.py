"""How an activity is started, and the event that its end becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devhost import jsontext
from devhost.engine.dispatch import Submit
from devhost.engine.durable_http import HttpSender
from devhost.engine.faults import HostCrash
from devhost.engine.ports import ActivityError, ActivityOutcome, Catalog, Runner
from devhost.orchestration.actions import HTTP_ACTIVITY
from devhost.orchestration.history import Event, EventType, activity_failure_details, event
from devhost.state.records import ActivityTask

__all__ = ["ended_event", "submitter"]


@dataclass(frozen=True)
class _UnknownActivity(ActivityError):
    """The function is not in the app any more, though it was when it was called."""


def submitter(runner: Runner, catalog: Catalog, http: HttpSender) -> Submit:
    """Return the function that starts an activity: in the app, or in the host for a durable HTTP call."""

    def submit(task: ActivityTask, done: Callable[[ActivityOutcome], None]) -> None:
        if task.name == HTTP_ACTIVITY:
            http.submit(task.input or "[]", done)
            return
        function = catalog.activity(task.name)
        if function is None:
            text = f"Activity function '{task.name}' does not exist."
            done(ActivityOutcome(error=_UnknownActivity(text)))
            return
        try:
            runner.submit_activity(function, task.input or "null", done)
        except HostCrash:
            raise
        except Exception as error:  # noqa: BLE001  an activity that cannot be started has failed
            done(ActivityOutcome(error=ActivityError(f"{type(error).__name__}: {error}")))

    return submit


def ended_event(task: ActivityTask, outcome: ActivityOutcome, stamp: int) -> Event:
    """Return the event that tells an orchestration how its activity ended."""
    error = outcome.error
    if error is None:
        result = None if outcome.result is None else jsontext.compact_or_raw(outcome.result)
        return event(
            EventType.TaskCompleted,
            stamp,
            TaskScheduledId=task.task_id,
            Result=None if result == "null" else result,
        )
    return event(
        EventType.TaskFailed,
        stamp,
        TaskScheduledId=task.task_id,
        Reason=_reason(task, error),
        Details=activity_failure_details(error.message, error.traceback),
        FailureDetails=None,
    )


def _reason(task: ActivityTask, error: ActivityError) -> str:
    if task.name == HTTP_ACTIVITY:
        return error.message
    # The worker's text starts with a blank of its own, hence two of them in the usual case.
    blank = "" if isinstance(error, _UnknownActivity) else " "
    return f"Activity function '{task.name}' failed: {blank}{error.message}"

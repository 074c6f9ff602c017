"""What a worker process does with an invocation, by its kind."""

from __future__ import annotations

from collections.abc import Mapping

from devhost.app.index import AppIndex
from devhost.engine.ports import ActivityError, ActivityOutcome, StepKind
from devhost.workers.invocation import describe_error
from devhost.workers.invocations import (
    ACTIVITY,
    Answer,
    Answered,
    Invocation,
    Serve,
    text_body,
    text_of,
)
from devhost.workers.worker import ActivityThreads

__all__ = ["serve", "servers"]


def servers(index: AppIndex, activities: ActivityThreads) -> dict[str, Serve]:
    """Return a server for each kind. They share the threads of ``activities``, as in the real worker."""

    def activity(invocation: Invocation, answered: Answered) -> None:
        def done(outcome: ActivityOutcome) -> None:
            answered(Answer(text_body(outcome.result or "null"), outcome.error))

        activities.submit_activity(invocation.function, text_of(invocation.body), done)

    def step(invocation: Invocation, answered: Answered) -> None:
        activities.threads.submit(_run_step, index, invocation, answered)

    return {ACTIVITY: activity, StepKind.ORCHESTRATOR: step, StepKind.ENTITY: step}


def serve(kinds: Mapping[str, Serve], invocation: Invocation, answered: Answered) -> None:
    """Carry out an invocation. One of an unknown kind is answered with an error."""
    server = kinds.get(invocation.kind)
    if server is None:
        text = f"This worker process has no server for the kind '{invocation.kind}'."
        answered(Answer(error=ActivityError(text)))
        return
    server(invocation, answered)


def _run_step(index: AppIndex, invocation: Invocation, answered: Answered) -> None:
    """Call what the SDK made of an orchestrator or an entity function; both take and return JSON text."""
    try:
        # The parameter of the wrapped function is `context`, whatever name the binding has.
        reply = index.functions[invocation.function].call(context=text_of(invocation.body))
        answer = Answer(text_body(reply))
    except BaseException as error:  # noqa: BLE001 - SystemExit of user code must not end the thread unanswered
        answer = Answer(error=describe_error(error))
    answered(answer)

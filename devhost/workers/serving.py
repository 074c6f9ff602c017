"""What a worker process does with an invocation, by its kind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future

from devhost.app.index import AppIndex, FunctionInfo
from devhost.engine.ports import ActivityError, ActivityOutcome, StepKind
from devhost.workers.http_calls import HTTP, HttpCall, answer_of
from devhost.workers.invocation import Invoker, describe_error
from devhost.workers.invocations import (
    ACTIVITY,
    Answer,
    Answered,
    Invocation,
    Serve,
    text_body,
    text_of,
)
from devhost.workers.worker import ActivityThreads, Worker, user_loop

__all__ = ["serve", "servers"]


def servers(index: AppIndex, invoker: Invoker, activities: ActivityThreads) -> dict[str, Serve]:
    """Return a server for each kind. They share the threads of ``activities``, as in the real worker."""
    worker = Worker(index, invoker, activities, activities.threads)

    def activity(invocation: Invocation, answered: Answered) -> None:
        def done(outcome: ActivityOutcome) -> None:
            answered(Answer(text_body(outcome.result or "null"), outcome.error))

        activities.submit_activity(invocation.function, text_of(invocation.body), done)

    def http(invocation: Invocation, answered: Answered) -> None:
        function = index.functions[invocation.function]
        work = asyncio.run_coroutine_threadsafe(_http(worker, function, invocation), user_loop())
        work.add_done_callback(lambda done: answered(_outcome(done)))

    def step(invocation: Invocation, answered: Answered) -> None:
        activities.threads.submit(_run_step, index, invocation, answered)

    return {ACTIVITY: activity, HTTP: http, StepKind.ORCHESTRATOR: step, StepKind.ENTITY: step}


def serve(kinds: Mapping[str, Serve], invocation: Invocation, answered: Answered) -> None:
    """Carry out an invocation. One of an unknown kind is answered with an error."""
    server = kinds.get(invocation.kind)
    if server is None:
        text = f"This worker process has no server for the kind '{invocation.kind}'."
        answered(Answer(error=ActivityError(text)))
        return
    server(invocation, answered)


async def _http(worker: Worker, function: FunctionInfo, invocation: Invocation) -> Answer:
    """Call an HTTP function; raises what it raises."""
    call = HttpCall.read(invocation)
    returned = await worker.invoke(function, call.request(), data=call.route, trace_parent=call.trace_parent)
    return answer_of(returned).answer()


def _outcome(work: Future[Answer]) -> Answer:
    try:
        return work.result()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the host has to be told
        return Answer(error=describe_error(error))


def _run_step(index: AppIndex, invocation: Invocation, answered: Answered) -> None:
    """Call what the SDK made of an orchestrator or an entity function; both take and return JSON text."""
    try:
        # The parameter of the wrapped function is `context`, whatever name the binding has.
        reply = index.functions[invocation.function].call(context=text_of(invocation.body))
        answer = Answer(text_body(reply))
    except BaseException as error:  # noqa: BLE001 - SystemExit of user code must not end the thread unanswered
        answer = Answer(error=describe_error(error))
    answered(answer)

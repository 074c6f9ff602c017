"""Orchestrations of every kind, small, for tests of the engine."""

# ruff: noqa: D103, BLE001  these functions are data for tests: their names and bodies say it all
from __future__ import annotations

import datetime as dt

import azure.durable_functions as df

from tests.devhost.engine_kit import App


def add_functions(app: App) -> App:
    """Register the functions below with an app."""
    for orchestrator in _ORCHESTRATORS:
        app.orchestrates(orchestrator)
    for activity in (echo, fail):
        app.activity(activity)
    app.entity_of(counter)
    return app


def echo(value):
    return value


def fail(value):
    raise ValueError(f"bad {value}")


def counter(context):
    value = context.get_state(lambda: 0)
    if context.operation_name == "add":
        value += context.get_input()
    elif context.operation_name == "explode":
        raise ValueError("entity broke")
    elif context.operation_name == "delete":
        context.destruct_on_exit()
        return
    context.set_result(value)
    context.set_state(value)


def chain(context):
    a = yield context.call_activity("echo", 1)
    b = yield context.call_activity("echo", {"a": a, "s": "text"})
    return [a, b]


def steps(context):
    done = []
    for n in range(context.get_input()):
        done.append((yield context.call_activity("echo", n)))
    return done


def fan(context):
    results = yield context.task_all([context.call_activity("echo", n) for n in range(context.get_input())])
    return sum(results)


def failing(context):
    yield context.call_activity("fail", "thing")


def fan_with_failures(context):
    tasks = [context.call_activity("fail" if n % 3 == 1 else "echo", n) for n in range(6)]
    yield context.task_all(tasks)


def raising(context):
    raise RuntimeError("orchestrator broke")
    yield


def not_a_generator(context):
    raise RuntimeError("plain function broke")


def calls_unknown(context):
    yield context.call_activity("no_such_activity", 1)


def retrying(context):
    try:
        return (yield context.call_activity_with_retry("fail", df.RetryOptions(1000, 3), "always"))
    except Exception as error:
        return str(error).splitlines()[0]


def sleeping(context):
    began = context.current_utc_datetime
    yield context.create_timer(began + dt.timedelta(seconds=context.get_input()))
    return (context.current_utc_datetime - began).total_seconds()


def approval(context):
    context.set_custom_status({"waiting": True})
    deadline = context.create_timer(context.current_utc_datetime + dt.timedelta(days=3))
    decision = context.wait_for_external_event("Approval")
    winner = yield context.task_any([deadline, decision])
    if winner == decision:
        deadline.cancel()
        return {"approved": decision.result}
    return "timed out"


def child(context):
    got = yield context.call_activity("echo", context.get_input())
    return {"got": got, "parent": context.parent_instance_id is not None}


def parent(context):
    one = yield context.call_sub_orchestrator("child", "a")
    two = yield context.call_sub_orchestrator("child", "b", f"{context.instance_id}-named")
    return [one, two]


def parent_of_failing(context):
    try:
        yield context.call_sub_orchestrator("failing")
    except Exception as error:
        return str(error).splitlines()[0]


def parent_that_fails(context):
    return (yield context.call_sub_orchestrator("failing", None, f"{context.instance_id}-child"))


def parent_with_a_shared_child(context):
    """Calls a child under an id that others use too."""
    return (yield context.call_sub_orchestrator("approval", None, "the-child"))


def parent_of(context):
    """Calls a child under a given id."""
    try:
        return (yield context.call_sub_orchestrator("approval", None, context.get_input()))
    except Exception as error:
        return str(error).splitlines()[0]


def counting(context):
    n = context.get_input()
    context.set_custom_status(f"at {n}")
    yield context.call_activity("echo", n)
    if n < 3:
        context.continue_as_new(n + 1)
        return None
    return f"ended at {n}"


def collecting(context):
    """Keeps what it heard across continue-as-new; ends at the word 'stop'."""
    heard = context.get_input() or []
    word = yield context.wait_for_external_event("Word")
    if word == "stop":
        return heard
    context.continue_as_new([*heard, word])
    return None


def use_entity(context):
    own = df.EntityId("counter", context.instance_id)
    context.signal_entity(own, "add", 5)
    yield context.call_entity(own, "add", 2)
    value = yield context.call_entity(own, "get")
    try:
        yield context.call_entity(own, "explode")
    except Exception as error:
        return [value, str(error)]


def versioned(context):
    yield context.call_activity("echo", 1)
    return context.version


def everything(context):
    """A bit of each: activities, a retry, a timer, children, an entity, an event, continue-as-new."""
    first = context.get_input()
    if first is None:
        yield context.call_activity("echo", "first run")
        context.continue_as_new("second run")
        return None
    numbers = yield context.task_all([context.call_activity("echo", n) for n in range(3)])
    below = yield context.call_sub_orchestrator("parent")
    try:
        yield context.call_activity_with_retry("fail", df.RetryOptions(1000, 2), "x")
    except Exception:
        context.set_custom_status("retried")
    yield context.create_timer(context.current_utc_datetime + dt.timedelta(hours=1))
    total = yield context.call_entity(df.EntityId("counter", "all"), "get")
    return [first, numbers, len(below), total]


_ORCHESTRATORS = (
    chain,
    steps,
    fan,
    failing,
    fan_with_failures,
    raising,
    not_a_generator,
    calls_unknown,
    retrying,
    sleeping,
    approval,
    child,
    parent,
    parent_of_failing,
    parent_that_fails,
    parent_with_a_shared_child,
    parent_of,
    counting,
    collecting,
    use_entity,
    versioned,
    everything,
)

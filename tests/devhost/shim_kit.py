"""Short ways to write histories and replies for tests of the interpreter."""

# ruff: noqa: D103  one event or action each, named as the SDK and the framework name them
from __future__ import annotations

import json
from typing import Any

from devhost.orchestration.actions import Reply
from devhost.orchestration.decision import Decision
from devhost.orchestration.history import Event, EventType, event, execution_started
from devhost.orchestration.shim import interpret
from devhost.timestamps import SECOND

INSTANCE, EXECUTION = "i1", "e" * 32
STARTED = execution_started(
    0, name="O", instance_id=INSTANCE, execution_id=EXECUTION, input_=None, version=None
)


def begin(at: int = 0) -> Event:
    """OrchestratorStarted, `at` seconds after the epoch."""
    return event(EventType.OrchestratorStarted, at * SECOND)


def scheduled(number: int, name: str = "A") -> Event:
    return event(EventType.TaskScheduled, 0, number, Name=name, Version="", Input=None, Tags=None)


def completed(number: int, result: str = "1") -> Event:
    return event(EventType.TaskCompleted, 0, TaskScheduledId=number, Result=result)


def task_failed(number: int) -> Event:
    return event(EventType.TaskFailed, 0, TaskScheduledId=number, Reason="r", Details="d")


def timer_created(number: int) -> Event:
    return event(EventType.TimerCreated, 0, number, FireAt="2024-01-01T00:00:00Z")


def timer_fired(number: int) -> Event:
    return event(EventType.TimerFired, 0, TimerId=number, FireAt="2024-01-01T00:00:00Z")


def child_created(number: int, name: str = "C", instance_id: str = "c1") -> Event:
    return event(
        EventType.SubOrchestrationInstanceCreated, 0, number, Name=name, Version=None, InstanceId=instance_id
    )


def child_failed(number: int) -> Event:
    return event(EventType.SubOrchestrationInstanceFailed, 0, TaskScheduledId=number, Reason="r", Details="d")


def raised(name: str, value: Any = None) -> Event:
    return event(EventType.EventRaised, 0, Name=name, Input=json.dumps(value))


def sent(number: int, request_id: str = "g", target: str = "@e@k") -> Event:
    text = json.dumps({"op": "get", "id": request_id})
    return event(EventType.EventSent, 0, number, InstanceId=target, Name="op", Input=text)


def suspended() -> Event:
    return event(EventType.ExecutionSuspended, 0, Reason="pause")


def resumed() -> Event:
    return event(EventType.ExecutionResumed, 0, Reason="go")


def terminated(reason: str | None = "enough") -> Event:
    return event(EventType.ExecutionTerminated, 0, Input=reason)


def act(name: str = "A", value: str = "null") -> dict[str, Any]:
    return {"actionType": 0, "functionName": name, "input": value}


def act_with_retry(attempts: int, milliseconds: int = 1000, name: str = "A") -> dict[str, Any]:
    options = {"firstRetryIntervalInMilliseconds": milliseconds, "maxNumberOfAttempts": attempts}
    return all_({"actionType": 1, "functionName": name, "input": "null", "retryOptions": options})


def child(name: str = "C", instance_id: str | None = None, version: str | None = None) -> dict[str, Any]:
    return {
        "actionType": 2,
        "functionName": name,
        "input": '"x"',
        "instanceId": instance_id,
        "version": version,
    }


def child_with_retry(attempts: int, instance_id: str | None = None) -> dict[str, Any]:
    options = {"firstRetryIntervalInMilliseconds": 1000, "maxNumberOfAttempts": attempts}
    return {**child(instance_id=instance_id), "actionType": 3, "retryOptions": options}


def continue_as_new(value: str = "2") -> dict[str, Any]:
    return {"actionType": 4, "input": value}


def timer(*, cancelled: bool = False) -> dict[str, Any]:
    return {"actionType": 5, "fireAt": "2024-01-01T00:00:30.000000Z", "isCanceled": cancelled}


def wait_for(name: str) -> dict[str, Any]:
    return {"actionType": 6, "externalEventName": name, "reason": "ExternalEvent"}


def call_entity(target: str = "@e@k", operation: str = "get") -> dict[str, Any]:
    return {"actionType": 7, "instanceId": target, "operation": operation, "input": "5"}


def call_http(uri: str = "http://h/") -> dict[str, Any]:
    return {"actionType": 8, "httpRequest": {"method": "GET", "uri": uri, "content": None, "headers": {}}}


def signal(target: str = "@e@k", operation: str = "add") -> dict[str, Any]:
    return {"actionType": 9, "instanceId": target, "operation": operation, "input": "5"}


def any_(*actions: dict[str, Any]) -> dict[str, Any]:
    return {"actionType": 11, "compoundActions": list(actions)}


def all_(*actions: dict[str, Any]) -> dict[str, Any]:
    return {"actionType": 12, "compoundActions": list(actions)}


def decide(
    events: list[Event],
    *actions: dict[str, Any],
    done: bool = False,
    output: Any = None,
    error: str | None = None,
    custom_status: Any = None,
    max_actions: int = 100_000,
) -> Decision:
    """Interpret a reply against a history that begins with the start of the execution."""
    reply = Reply(done, list(actions), output, error, custom_status)
    return interpret([begin(), STARTED, *events], reply, STARTED, max_actions)


def commands(decision: Decision) -> list[tuple[int, int, str]]:
    """Kind, id and name of each new command."""
    return [(int(one.kind), one.id, one.name) for one in decision.commands]

"""Entities: batches of operations, their results, and the answers to those who wait (protocol 4)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devhost import jsontext
from devhost.engine.faults import HostCrash
from devhost.engine.mailboxes import Message
from devhost.engine.models import RuntimeStatus
from devhost.engine.ports import (
    ActivityError,
    ActivityOutcome,
    Catalog,
    NoReply,
    NotStarted,
    Runner,
    TimedOut,
    WorkerLost,
)
from devhost.engine.work import Work
from devhost.errors import UnknownFunction
from devhost.orchestration.history import EventType, event
from devhost.state.records import InstanceRecord, split_entity_id

__all__ = ["Batch", "batch_of", "batch_text", "run_batch", "signal", "write_batch"]


@dataclass(frozen=True)
class Batch:
    """The result of a batch: for each operation ``(result JSON text, is error)``, and the state afterwards.

    ``state`` is JSON text, None when the entity does not exist; ``changed`` is false when nothing ran.
    """

    results: list[tuple[str, bool]]
    state: str | None
    changed: bool


def signal(operation: str, input_: str | None) -> dict[str, Any]:
    """Make the message of a signal; ``input_`` is raw JSON text."""
    request: dict[str, Any] = {"op": operation, "signal": True}
    return request if input_ is None else request | {"input": input_}


def run_batch(
    entity: str, state: str | None, requests: Sequence[dict[str, Any]], runner: Runner, catalog: Catalog
) -> Batch:
    """Run operations on an entity. ``state`` is its JSON text, None when it does not exist.

    When the whole function raises, answers nonsense or runs too long, each operation gets the error and the
    state stays. Raises NoReply when the batch is to be tried again, since its worker process died.
    """
    name = split_entity_id(entity)[0]
    function = catalog.entity(name)
    if function is None:
        return _all_failed(str(UnknownFunction("entity", name, catalog.known_entities())), state, requests)
    try:
        reply = json.loads(runner.run_entity(function, batch_text(entity, state, requests)))
        return _read(reply, requests)
    except HostCrash:
        raise
    except NoReply as none:
        return _unanswered(none.error, state, requests)
    except BaseException as error:  # noqa: BLE001  user code may raise anything, SystemExit too
        return _all_failed(str(error) or repr(error), state, requests)


def batch_of(outcome: ActivityOutcome, state: str | None, requests: Sequence[dict[str, Any]]) -> Batch:
    """Return what a batch came to that ran elsewhere, as `run_batch` does."""
    error = outcome.error
    if isinstance(error, (WorkerLost, TimedOut, NotStarted)):
        return _unanswered(error, state, requests)
    if error is not None:
        return _all_failed(error.message.partition(": ")[2] or error.message, state, requests)
    try:
        return _read(json.loads(outcome.result or ""), requests)
    except (ValueError, TypeError, KeyError, AttributeError) as nonsense:
        return _all_failed(str(nonsense) or repr(nonsense), state, requests)


def batch_text(entity: str, state: str | None, requests: Sequence[dict[str, Any]]) -> str:
    """Return the text with which a batch is asked for."""
    name, key = split_entity_id(entity)
    return jsontext.encode(
        {
            "self": {"name": name, "key": key},
            "exists": state is not None,
            "state": state,
            "batch": [
                {
                    "name": request["op"],
                    "input": request.get("input"),
                    "isSignal": bool(request.get("signal")),
                }
                for request in requests
            ],
        }
    )


def _read(reply: dict[str, Any], requests: Sequence[dict[str, Any]]) -> Batch:
    # A result is JSON text; an operation that set none has null there, which the SDK could not read back.
    results = [(one.get("result") or "null", bool(one.get("isError"))) for one in reply["results"]]
    if len(results) != len(requests):
        raise ValueError(f"The entity function gave {len(results)} results for {len(requests)} operations.")
    state = (reply.get("entityState") or "null") if reply.get("entityExists") else None
    return Batch(results, state, changed=True)


def _unanswered(error: ActivityError, state: str | None, requests: Sequence[dict[str, Any]]) -> Batch:
    """Return the batch whose function ran too long. Raises NoReply for any other error."""
    if not isinstance(error, TimedOut):
        raise NoReply(error)
    # Not as JSON, as on the real host: a caller that reads the answer fails at that.
    return Batch([(error.message, True)] * len(requests), state, changed=False)


def _all_failed(text: str, state: str | None, requests: Sequence[dict[str, Any]]) -> Batch:
    return Batch([(jsontext.encode(text), True)] * len(requests), state, changed=False)


def write_batch(
    work: Work, entity: str, present: InstanceRecord | None, messages: list[Message], batch: Batch
) -> None:
    """Write the state after a batch and send the answers."""
    work.consume(messages)
    if batch.changed:
        work.transaction.put_instance(_record(work, entity, present, batch))
    for message, (result, is_error) in zip(messages, batch.results, strict=True):
        request = message.event
        if not request.get("signal"):
            _answer(work, request, result, is_error)


def _record(work: Work, entity: str, present: InstanceRecord | None, batch: Batch) -> InstanceRecord:
    exists = jsontext.encode({"entityExists": batch.state is not None})
    state = None if batch.state is None else jsontext.clean(batch.state)
    if present is not None:
        return present.changed(custom_status=exists, updated=work.stamp, state=state)
    return InstanceRecord(
        instance_id=entity,
        execution_id="",
        name=f"@{split_entity_id(entity)[0]}",
        version=None,
        status=RuntimeStatus.RUNNING,
        input=None,
        output=None,
        custom_status=exists,
        created=work.stamp,
        updated=work.stamp,
        state=state,
    )


def _answer(work: Work, request: dict[str, Any], result: str, is_error: bool) -> None:
    content = {"result": result} | ({"exceptionType": "Error"} if is_error else {})
    answer = event(EventType.EventRaised, work.stamp, Name=request["id"], Input=jsontext.encode(content))
    work.send(request["parent"], answer, request["parentExecution"])

"""What `devhost.testing` puts in the place of workers: all runs at once, in the thread of the caller."""

from __future__ import annotations

import asyncio
import inspect
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import azure.durable_functions as df
from azure.functions import meta

from devhost import jsontext
from devhost.app.index import ACTIVITY, ORCHESTRATION, AppIndex, Binding, FunctionInfo
from devhost.engine.ports import ActivityOutcome
from devhost.workers.in_flight import Done
from devhost.workers.invocation import Invoker, decode, describe_error, encode
from devhost.workers.worker import user_loop

__all__ = ["HttpStandIn", "InlineRunner", "in_turn", "replaced"]


def in_turn(*outcomes: Any) -> Callable[[Any], Any]:
    """Return a replacement that gives one outcome per call: a value, or an exception that it raises.

    The last one goes on for ever: ``in_turn(OSError("busy"), "done")`` fails once.
    """
    if not outcomes:
        raise ValueError("in_turn needs at least one outcome")
    left = list(outcomes)

    def replacement(_: Any) -> Any:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return replacement


def replaced(index: AppIndex, activities: Mapping[str, Any], orchestrators: Mapping[str, Any]) -> AppIndex:
    """Return the index with stand-ins for what is replaced, also for names that the app does not have."""
    functions = dict(index.functions)
    for name in activities:
        if index.activity(name) is None:
            functions[name] = _stand_in(name, ACTIVITY, lambda value: value)
    for name, replacement in orchestrators.items():
        functions[index.orchestrator(name) or name] = _stand_in(
            name, ORCHESTRATION, _orchestrator(replacement)
        )
    return AppIndex(functions, index.disabled)


def _stand_in(name: str, kind: str, call: Callable[..., Any]) -> FunctionInfo:
    trigger = Binding("value", kind, "IN", {})
    return FunctionInfo(name, call, trigger, (trigger,), False, False, Path(tempfile.gettempdir()))


def _orchestrator(replacement: Any) -> Callable[..., Any]:
    def stand_in(context: df.DurableOrchestrationContext) -> Any:
        return replacement(context.get_input()) if callable(replacement) else replacement
        yield  # a generator, so that what it raises fails the instance in the usual way

    return df.Orchestrator.create(stand_in)


class InlineRunner:
    """Runs everything at once in the thread of the caller."""

    def __init__(self, index: AppIndex, activities: dict[str, Any], calls: list[tuple[str, Any]]):
        self._index = index
        self._replacements = {(index.activity(name) or name): one for name, one in activities.items()}
        self._calls = calls
        self._invoker = Invoker()

    def run_orchestrator(self, function_name: str, context_json: str) -> str:
        """Run one replay."""
        return self._index.functions[function_name].call(context=context_json)

    def run_entity(self, function_name: str, batch_json: str) -> str:
        """Run one batch of operations."""
        return self._index.functions[function_name].call(context=batch_json)

    def submit_activity(self, function_name: str, input_json: str, done: Done) -> None:
        """Run an activity, or what replaces it, and note the call."""
        function = self._index.functions[function_name]
        try:
            value = decode(function.trigger, meta.Datum(input_json, "json"), {})
            self._calls.append((function.durable_name, value))
            result = self._result(function, value)
            outcome = ActivityOutcome(encode(function.trigger, result).value)
        except Exception as error:  # noqa: BLE001 - any error of an activity is its outcome
            outcome = ActivityOutcome(error=describe_error(error))
        done(outcome)

    def _result(self, function: FunctionInfo, value: Any) -> Any:
        if function.name in self._replacements:
            replacement = self._replacements[function.name]
            result = replacement(value) if callable(replacement) else replacement
        else:
            call = self._invoker.prepare(function, value)
            result = call.run()
        if inspect.iscoroutine(result):
            return asyncio.run_coroutine_threadsafe(result, user_loop()).result()
        return result


class HttpStandIn:
    """Answers durable HTTP calls with a function."""

    def __init__(self, answer: Callable[[dict[str, Any]], dict[str, Any]]):
        self._answer = answer

    def submit(self, request_json: str, done: Done) -> None:
        """Answer one call."""
        try:
            outcome = ActivityOutcome(jsontext.dumps(self._answer(json.loads(request_json)[0])))
        except Exception as error:  # noqa: BLE001 - a call that fails is an outcome
            outcome = ActivityOutcome(error=describe_error(error))
        done(outcome)

    def close(self) -> None:
        """Nothing is open."""
